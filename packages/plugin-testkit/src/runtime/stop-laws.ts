import assert from 'node:assert/strict';
import { expectKind } from '../expect-kind.js';
import type { RuntimeBench } from './bench.js';
import { bytesOf, Listener } from './bytes.js';
import type { RuntimeLaw } from './subject.js';

const pipes = { stdin: 'null', stdout: 'pipe', stderr: 'null' } as const;

/** Signals, and the end on request. */
export function stopLaws(law: RuntimeLaw): void {
  law('stop gives the program the signal, and its exit code is its own', async ({ bench, open }) => {
    const { instance: other } = await open();
    const { id } = await ready(bench, 'trap "exit 3" TERM');
    assert.equal((await other.stop(id, { signal: 15, graceMs: 60_000 })).exitCode, 3);
    assert.equal((await other.stop(id, { signal: 15, graceMs: 60_000 })).exitCode, 3);
  });

  law('stop waits for the grace and not longer: SIGKILL comes after it', async ({ runtime, bench }) => {
    const { id, listener } = await ready(bench, 'trap "echo asked" TERM');
    const before = performance.now();
    const { exitCode, signal } = await runtime.stop(id, { signal: 15, graceMs: 400 });
    assert.deepEqual([exitCode, signal], [137, 9]);
    const took = performance.now() - before;
    assert.ok(took >= 395, `the grace of 400 ms was over after ${took} ms`);
    await listener.ended;
    assert.equal(listener.text, 'ready\nasked\n');
  });

  law('without a grace the end comes at once', async ({ runtime, bench }) => {
    const { id } = await ready(bench, 'trap "exit 3" TERM');
    assert.deepEqual((await runtime.stop(id, { signal: 15, graceMs: 0 })).signal, 9);
  });

  law('an endless grace can be given up, and the container runs', async ({ runtime, bench }) => {
    const { id, listener } = await ready(bench, 'trap "echo asked" TERM');
    const controller = new AbortController();
    const stopping = runtime.stop(id, { signal: 15, graceMs: Number.POSITIVE_INFINITY, abort: controller.signal });
    stopping.catch(() => undefined);
    await listener.until('asked');
    controller.abort();
    await expectKind(stopping, 'canceled');
    assert.equal((await runtime.state(id)).status, 'running');
  });

  law('what was only created is stopped as well', async ({ runtime, bench }) => {
    const { id, stdout } = await bench.create('echo ran', { stdio: pipes });
    await runtime.stop(id, { signal: 15, graceMs: 60_000 });
    assert.equal((await runtime.state(id)).status, 'stopped');
    assert.equal((await bytesOf(stdout)).toString(), '');
  });

  law('a signal goes to the first process, or to all', async ({ runtime, bench }) => {
    const child = 'sh -c \'trap "echo heard by child" USR1; echo child ready; while :; do sleep 0.1; done\' &';
    const container = await bench.started(`${child} trap "echo heard by first" USR1; echo ready; while :; do sleep 0.1; done`, {
      stdio: pipes,
    });
    const listener = new Listener(container.stdout);
    await bench.until(
      () => /^child ready$/m.test(listener.text) && /^ready$/m.test(listener.text),
      () => listener.text,
    );
    const heard = () => (listener.text.match(/(?<=^heard by )\w+$/gm) ?? []).sort().join(' ');
    await runtime.kill(container.id, 10);
    await bench.until(() => heard() === 'first', heard);
    // The sleeps of the shells die of it, which no shell minds.
    await runtime.kill(container.id, 10, { all: true });
    await bench.until(() => heard() === 'child first first', heard);
  });

  law('SIGKILL to all leaves none, also where they are many', async ({ runtime, bench }) => {
    const container = await bench.started('for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo ready; wait', {
      stdio: pipes,
      namespaces: bench.hostPids,
    });
    await new Listener(container.stdout).until('ready');
    await runtime.kill(container.id, 9, { all: true });
    assert.equal((await runtime.wait(container.id)).exitCode, 137);
  });

  law('what is no signal is refused', async ({ runtime, bench }) => {
    const container = await bench.started('sleep 1000');
    for (const signal of [0, -1, 65, 1.5, Number.NaN]) {
      await expectKind(container.kill(signal), 'invalid-argument');
      await expectKind(runtime.kill(container.id, signal), 'invalid-argument');
      await expectKind(runtime.stop(container.id, { signal, graceMs: 0 }), 'invalid-argument');
    }
    await expectKind(runtime.stop(container.id, { signal: 15, graceMs: -1 }), 'invalid-argument');
    assert.equal((await runtime.state(container.id)).status, 'running');
  });
}

/** A shell that has set its trap, and waits. */
async function ready(bench: RuntimeBench, trap: string): Promise<{ readonly id: string; readonly listener: Listener }> {
  const { id, stdout } = await bench.started(`${trap}; echo ready; while :; do sleep 0.1; done`, { stdio: pipes });
  const listener = new Listener(stdout);
  await listener.until('ready');
  return { id, listener };
}
