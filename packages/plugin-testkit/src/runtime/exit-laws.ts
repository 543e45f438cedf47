import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { RuntimeContainer } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { RuntimeBench } from './bench.js';
import { Listener } from './bytes.js';
import { isNothing, type RuntimeLaw } from './subject.js';

/** How a container ended, and what is so before and after. */
export function exitLaws(law: RuntimeLaw): void {
  law('an exit code is exact, by the handle and by the id', async ({ runtime, bench }) => {
    for (const code of bench.some([0, 1, 2, 126, 127, 128, 137, 254, 255], [0, 137, 255])) {
      const container = await bench.started(`exit ${code}`);
      const [byHandle, byId] = await Promise.all([container.wait(), runtime.wait(container.id)]);
      for (const status of [byHandle, byId, (await runtime.state(container.id)).exit]) {
        assert.equal(status?.exitCode, code);
        assert.equal(status?.signal, undefined);
        assert.equal(Number.isNaN(Date.parse(status?.exitedAt ?? '')), false);
      }
      await runtime.delete(container.id);
    }
  });

  law('a signal that ends the program is 128 + n', async ({ runtime, bench, features }) => {
    for (const signal of [1, 9, 15, 34, 64]) {
      const container = await executing(bench, 'sleep 1000');
      if (container === undefined) break;
      await runtime.kill(container.id, signal);
      const { exitCode, signal: found } = await container.wait();
      assert.deepEqual({ exitCode, found }, { exitCode: 128 + signal, found: signal });
    }
    if (!features.exec) return;
    const { id } = await bench.started('sleep 1000');
    // An executed process gets them all, also where the first one cannot.
    for (const signal of [1, 15, 34, 64]) {
      const made = await bench.exec(id, 'echo ready; exec sleep 1000');
      await new Listener(made.stdout).until('ready');
      made.stderr?.resume();
      await made.kill(signal);
      const { exitCode, signal: found } = await made.wait();
      assert.deepEqual({ exitCode, found }, { exitCode: 128 + signal, found: signal });
    }
    await runtime.kill(id, 9);
    assert.deepEqual((await runtime.wait(id)).signal, 9);
  });

  law('states are the same to everybody, from created to nothing', async ({ runtime, bench, open }) => {
    const { instance: other } = await open();
    const container = await bench.create('sleep 1000');
    const { id, pid } = container;
    const seen = async () => {
      const states = [await runtime.state(id), await other.state(id)] as const;
      assert.deepEqual(states[0], states[1]);
      return states[0];
    };
    const created = await seen();
    assert.deepEqual([created.status, created.pid, created.supervised], ['created', pid, true]);
    await other.start(id);
    const running = await seen();
    assert.deepEqual([running.status, running.pid, running.restarts], ['running', pid, 0]);
    assert.equal(Number.isNaN(Date.parse(running.startedAt ?? '')), false);
    await other.kill(id, 9);
    await other.wait(id);
    const stopped = await seen();
    assert.deepEqual([stopped.status, stopped.pid, stopped.exit?.exitCode, stopped.exit?.signal], ['stopped', undefined, 137, 9]);
    await other.delete(id);
    for (const one of [runtime, other]) await expectKind(one.state(id), 'not-found');
  });

  law('a state costs no command', async ({ runtime, bench }) => {
    const { id } = await bench.started('sleep 1000');
    await runtime.state(id);
    const before = waitedFor();
    for (let i = 0; i < 20; i++) assert.equal((await runtime.state(id)).status, 'running');
    assert.equal(waitedFor(), before);
  });

  law(
    'when the program has ended nothing is left but its state, which any process can read',
    async ({ runtime, bench, open }) => {
      const container = await bench.started('exit 3');
      await runtime.wait(container.id);
      await bench.until(
        () => isNothing(bench),
        () => 'what was left',
      );
      const { instance: other } = await open();
      const { status, exit } = await other.state(container.id);
      assert.deepEqual([status, exit?.exitCode], ['stopped', 3]);
      assert.equal((await other.wait(container.id)).exitCode, 3);
    },
  );

  law('what can be done with a running one alone is refused for one that has exited', async ({ runtime, bench }) => {
    const container = await bench.started('exit 0');
    const { id } = container;
    await runtime.wait(id);
    await expectKind(container.kill(15), 'not-found');
    await expectKind(runtime.kill(id, 15), 'not-found');
    await expectKind(runtime.kill(id, 15, { all: true }), 'not-found');
    await expectKind(runtime.processes(id), 'not-found');
    await expectKind(runtime.stats(id), 'not-found');
    await expectKind(runtime.start(id), 'failed-precondition');
    await expectKind(runtime.pause(id), 'failed-precondition');
    await expectKind(bench.exec(id, 'true'), 'failed-precondition');
  });

  law('what is not there is not found, and deleting it is no error', async ({ runtime, bench }) => {
    const id = bench.id();
    for (const call of [
      runtime.state(id),
      runtime.start(id),
      runtime.kill(id, 15),
      runtime.stop(id, { signal: 15, graceMs: 0 }),
      runtime.wait(id),
      bench.exec(id, 'true'),
      runtime.attach(id),
      runtime.resize(id, { columns: 80, rows: 24 }),
      runtime.pause(id),
      runtime.resume(id),
      runtime.processes(id),
      runtime.stats(id),
      runtime.update(id, {}),
    ])
      await expectKind(call, 'not-found');
    await assert.doesNotReject(runtime.delete(id));
  });

  law('to wait can be given up, which changes nothing', async ({ runtime, bench }) => {
    const { id } = await bench.started('sleep 1000');
    const controller = new AbortController();
    const waiting = runtime.wait(id, { signal: controller.signal });
    controller.abort();
    await expectKind(waiting, 'canceled');
    assert.equal((await runtime.state(id)).status, 'running');
  });

  law('a container is started once', async ({ runtime, bench }) => {
    const { id } = await bench.started('sleep 1000');
    await expectKind(runtime.start(id), 'failed-precondition');
    assert.equal((await runtime.state(id)).status, 'running');
  });

  law('deleting twice at once, from two sides, is no error', async ({ runtime, bench, open }) => {
    const { instance: other } = await open();
    const { id } = await bench.started('sleep 1000');
    await Promise.all([runtime.delete(id), other.delete(id)]);
    await expectKind(runtime.state(id), 'not-found');
  });
}

/**
 * With the host's process numbers; undefined where that cannot be. `start` may come back a moment before the program has taken the place of the runtime's own process, which ignores some signals.
 */
async function executing(bench: RuntimeBench, command: string): Promise<RuntimeContainer | undefined> {
  if (bench.hostPids === undefined) return undefined;
  const container = await bench.started(command.split(' '), { namespaces: bench.hostPids });
  const [name = ''] = command.split(' ');
  await bench.until(
    () => readFileSync(`/proc/${container.pid}/comm`, 'utf8') === `${name}\n`,
    () => readFileSync(`/proc/${container.pid}/comm`, 'utf8'),
  );
  return container;
}

/** Page faults of children that have been waited for (proc_pid_stat(5), field 11): any command has some. */
function waitedFor(): string | undefined {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[8];
}
