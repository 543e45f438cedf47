import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attachment } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import { bytesOf, Listener } from './bytes.js';
import type { RuntimeLaw } from './subject.js';

/** Streams of a container that is there, for whoever comes. */
export function attachLaws(law: RuntimeLaw): void {
  law.ofMonitor('all who are attached get every byte, to the last, and the exit after it', async ({ runtime, bench, open }) => {
    const { instance: other } = await open();
    const { id } = await bench.create('head -c 3000000 /dev/zero; printf last; echo err >&2; exit 9');
    const attached = [await runtime.attach(id), await other.attach(id)];
    const read = attached.map(async (one) => [await bytesOf(one.stdout), await bytesOf(one.stderr), await one.ended] as const);
    await runtime.start(id);
    for (const [stdout, stderr, status] of await Promise.all(read)) {
      assert.equal(stdout.length, 3_000_004);
      assert.equal(stdout.subarray(-4).toString(), 'last');
      assert.equal(stderr.toString(), 'err\n');
      assert.equal(status.exitCode, 9);
    }
    for (const one of attached) await one[Symbol.asyncDispose]();
  });

  law('stdin is for whoever attaches, and its end ends that of the program', async ({ runtime, bench }) => {
    const { id } = await bench.started('read a; echo "got $a"; read b; echo "got $b"; cat; exit 5', {
      stdio: { stdin: 'attached' },
    });
    {
      await using first = await runtime.attach(id, { stdin: true });
      const listener = new Listener(first.stdout);
      first.stdin?.write('one\n');
      await listener.until('got one');
    }
    await using second = await runtime.attach(id, { stdin: true });
    const listener = new Listener(second.stdout);
    second.stdin?.write('two\n');
    await listener.until('got two');
    second.stdin?.end('the end\n');
    await listener.until('the end');
    assert.equal((await second.ended).exitCode, 5);
    // What was written before is not told again.
    assert.doesNotMatch(listener.text, /got one/);
  });

  law.ofMonitor('who does not ask for a stream does not get it, and stdin must be there', async ({ runtime, bench }) => {
    const { id } = await bench.started('sleep 1000');
    await using one = await runtime.attach(id, { stderr: false });
    assert.deepEqual([one.stdin, one.stderr, one.terminal], [undefined, undefined, false]);
    assert.notEqual(one.stdout, undefined);
    await expectKind(runtime.attach(id, { stdin: true }), 'failed-precondition');
  });

  law.ofMonitor('who leaves disturbs neither the program nor the others', async ({ runtime, bench }) => {
    const { id } = await bench.started('while [ ! -e /tmp/go ]; do echo tick; sleep 0.1; done; echo last', {});
    const [stays, leaves] = [await runtime.attach(id), await runtime.attach(id)];
    const listener = new Listener(stays.stdout);
    stays.stderr?.resume();
    await new Listener(leaves.stdout).until('tick');
    await leaves[Symbol.asyncDispose]();
    await bench.put(id, 'go');
    await listener.until('last');
    assert.equal((await stays.ended).exitCode, 0);
    await stays[Symbol.asyncDispose]();
  });

  law.ofMonitor('who reads slowly loses nothing and slows the program down', async ({ runtime, bench }) => {
    const [size = 0] = bench.some([16_777_216], [4_194_304]);
    const { id } = await bench.create(`head -c ${size} /dev/zero; touch /tmp/written`);
    await using slow = await runtime.attach(id, { stderr: false });
    await runtime.start(id);
    await sleep(200);
    assert.equal(await bench.has(id, 'written'), false);
    assert.equal((await bytesOf(slow.stdout)).length, size);
    assert.equal((await slow.ended).exitCode, 0);
  });

  law('a terminal is attached to as one, and resized', async ({ runtime, bench }) => {
    const terminal = { columns: 91, rows: 33 };
    const { id } = await bench.create('stty size; read line; stty size; echo "got $line"', {
      stdio: { stdin: 'attached', terminal },
    });
    await using one: Attachment = await runtime.attach(id, { stdin: true });
    const screen = new Listener(one.stdout);
    await runtime.start(id);
    await screen.until('33 91');
    assert.equal(one.terminal, true);
    await runtime.resize(id, { columns: 120, rows: 40 });
    one.stdin?.write('typed\n');
    await screen.until('got typed');
    assert.match(screen.text, /40 120/);
    assert.equal((await one.ended).exitCode, 0);
  });

  law.ofMonitor('what has exited cannot be attached to', async ({ runtime, bench }) => {
    const { id } = await bench.started('exit 0');
    await runtime.wait(id);
    await bench.until(
      async () => (await runtime.state(id)).status === 'stopped',
      async () => (await runtime.state(id)).status,
    );
    await expectKind(runtime.attach(id), 'not-found');
  });
}
