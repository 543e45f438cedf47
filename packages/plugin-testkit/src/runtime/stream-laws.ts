import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertBytes } from '../assert-bytes.js';
import { expectKind } from '../expect-kind.js';
import { outcomeOf } from './bench.js';
import { bytesOf, feed, Listener } from './bytes.js';
import type { RuntimeLaw } from './subject.js';

const MiB = 1024 * 1024;
const pipes = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' } as const;
const terminal = { columns: 91, rows: 33 };

/** Streams of the first process. */
export function streamLaws(law: RuntimeLaw): void {
  law('stdin, stdout and stderr are separate and byte-exact', async ({ bench }) => {
    const [size = MiB] = bench.some([8 * MiB], [2 * MiB]);
    const data = randomBytes(size);
    for (const [script, stream] of [
      ['cat', 'stdout'],
      ['cat >&2', 'stderr'],
    ] as const) {
      const container = await bench.started(script, { stdio: pipes });
      const read = Promise.all([bytesOf(container.stdout), bytesOf(container.stderr)]);
      await feed(container.stdin, data);
      const [stdout, stderr] = await read;
      assertBytes(stream === 'stdout' ? stdout : stderr, data);
      assert.equal(stream === 'stdout' ? stderr.length : stdout.length, 0);
      assert.equal((await container.wait()).exitCode, 0);
    }
  });

  law.ofMonitor('the last bytes come, also to a reader that is slow, and wait comes after them', async ({ bench }) => {
    const container = await bench.started('head -c 300000 /dev/zero; printf last', { stdio: pipes });
    container.stderr?.resume();
    container.stdin?.end();
    let hasExited = false;
    const exit = container.wait().then(() => (hasExited = true));
    await sleep(100);
    const parts: Buffer[] = [];
    for await (const chunk of container.stdout ?? []) {
      assert.equal(hasExited, false);
      parts.push(chunk as Buffer);
      await sleep(10);
    }
    const all = Buffer.concat(parts);
    assert.equal(all.length, 300_004);
    assert.equal(all.subarray(-4).toString(), 'last');
    await exit;
  });

  law('a reader that stops holds the program up, and nothing is lost', async ({ bench }) => {
    const [size = MiB] = bench.some([16 * MiB], [4 * MiB]);
    const container = await bench.started(`head -c ${size} /dev/zero; touch /tmp/written`, { stdio: pipes });
    await sleep(200);
    assert.equal(await bench.has(container.id, 'written'), false);
    const { stdout } = await outcomeOf(container);
    assert.equal(stdout.length, size);
  });

  law('the end of stdin reaches the program, whose output goes on', async ({ bench }) => {
    const container = await bench.started('cat >/dev/null; echo after the end; exit 4', { stdio: pipes });
    const outcome = outcomeOf(container);
    container.stdin?.end('some input');
    const { stdout, status } = await outcome;
    assert.deepEqual([stdout, status.exitCode], ['after the end\n', 4]);
  });

  law('descriptors are used as they are', async ({ bench }) => {
    const [input, output] = [join(bench.root, 'input'), join(bench.root, 'output')];
    writeFileSync(input, 'from a file\n');
    writeFileSync(output, 'kept\n');
    const [stdin, stdout] = [openSync(input, 'r'), openSync(output, 'a')];
    const { status } = await bench.run('cat; echo err >&2', { stdio: { stdin, stdout, stderr: stdout } });
    for (const fd of [stdin, stdout]) closeSync(fd);
    assert.equal(status.exitCode, 0);
    const [first, ...others] = readFileSync(output, 'utf8').split('\n');
    assert.deepEqual([first, others.sort()], ['kept', ['', 'err', 'from a file']]);
  });

  law('a terminal has the wanted size, follows a resize, and is one stream', async ({ runtime, bench }) => {
    const script = 'stty size; trap "stty size; exit 4" WINCH; echo ready >&2; while :; do sleep 0.1; done';
    const container = await bench.started(script, { stdio: { ...pipes, terminal } });
    const screen = new Listener(container.stdout);
    await screen.until('ready');
    assert.match(screen.text, /33 91/);
    await runtime.resize(container.id, { columns: 120, rows: 40 });
    assert.equal((await container.wait()).exitCode, 4);
    assert.match(screen.text, /40 120/);
    assert.equal((await bytesOf(container.stderr)).length, 0);
  });

  law('what has no terminal cannot be resized', async ({ runtime, bench }) => {
    const container = await bench.started('sleep 1000');
    await expectKind(container.resize(terminal), 'failed-precondition');
    await expectKind(runtime.resize(container.id, terminal), 'failed-precondition');
  });

  law.ofMonitor('who detaches gets nothing more, and the program goes on', async ({ runtime, bench }) => {
    const container = await bench.started('echo first; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo second; exit 6', {
      stdio: pipes,
    });
    const listener = new Listener(container.stdout);
    await listener.until('first');
    await container.detach();
    await bench.put(container.id, 'go');
    assert.equal((await runtime.wait(container.id)).exitCode, 6);
    assert.equal(listener.text, 'first\n');
    await bench.until(
      () => container.stdout?.destroyed === true,
      () => 'a stream that is open',
    );
  });
}
