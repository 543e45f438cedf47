import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { hasCode, isSlipwayError } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { BenchPlace, RuntimeOperation } from './operator.js';
import { isNothing, type RuntimeLaw, type RuntimeLawContext, type RuntimeLawOptions } from './subject.js';

/** What is so when a part of it was killed, and that it can be deleted. */
export function crashLaws(law: RuntimeLaw): void {
  law('a container goes on without its monitor, which is told, and can be stopped', async ({ runtime, bench }) => {
    const container = await bench.started('sleep 1000');
    const { id, pid, monitorPid } = container;
    linux.kill(monitorPid, 9);
    await expectKind(container.wait(), 'internal');
    const { status, supervised, pid: found } = await runtime.state(id);
    assert.deepEqual([status, supervised, found], ['running', false, pid]);
    assert.ok((await runtime.processes(id)).includes(pid));
    await expectKind(runtime.attach(id), 'failed-precondition');
    const waiting = runtime.wait(id);
    waiting.catch(() => undefined);
    // How it ends is nobody's to know.
    await assert.rejects(runtime.stop(id, { signal: 15, graceMs: 100 }), { kind: 'data-loss', code: 'EXIT_UNKNOWN' });
    await assert.rejects(waiting, { kind: 'data-loss', code: 'EXIT_UNKNOWN' });
    const after = await runtime.state(id);
    assert.deepEqual([after.status, after.exit, after.supervised], ['stopped', undefined, false]);
  });

  law('a container without its monitor is paused, executes, and gets signals', async ({ runtime, bench, features }) => {
    const { id, monitorPid } = await bench.started('trap "echo >/tmp/heard" USR1; while :; do sleep 0.1; done');
    linux.kill(monitorPid, 9);
    if (features.exec) {
      assert.equal((await bench.execute(id, 'exit 6')).status.exitCode, 6);
      await runtime.kill(id, 10);
      await bench.until(
        async () => (await bench.execute(id, 'test -e /tmp/heard')).status.exitCode === 0,
        () => 'a signal that did not come',
      );
    }
    if (features.pause) {
      await runtime.pause(id);
      assert.equal((await runtime.state(id)).status, 'paused');
      await assert.rejects(runtime.stop(id, { signal: 15, graceMs: 0 }), { code: 'EXIT_UNKNOWN' });
    }
    await runtime.kill(id, 9).catch((error: unknown) => assert.ok(hasCode(error, 'CONTAINER_EXITED')));
  });

  law('a container whose monitor is killed at any moment of its creation is deleted', async ({ runtime, bench }) => {
    for (const afterMs of bench.some([0, 3, 6, 10, 15, 22], [0, 100, 300])) {
      const request = bench.request('sleep 1000');
      const creation = bench.runtime.create(request).catch((error: unknown) => error);
      const [monitor] = await childOf(process.pid, 'slipway-monitor');
      await sleep(afterMs);
      kill(monitor);
      const made = await creation;
      if (made instanceof Error) assert.ok(isSlipwayError(made), String(made));
      await runtime.delete(request.id);
      await expectKind(runtime.state(request.id), 'not-found');
    }
  });

  law.ofMonitor(
    'an executed process whose monitor is killed goes on, and is deleted with the container',
    async ({ runtime, bench, features }) => {
      if (!features.exec) return;
      const { id } = await bench.started('sleep 1000');
      const made = await bench.exec(id, 'sleep 1000');
      const [monitor] = await childOf(process.pid, 'slipway-monitor', (pid) =>
        readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').includes(String(made.pid)),
      );
      kill(monitor);
      await expectKind(made.wait(), 'internal');
      assert.ok((await runtime.processes(id)).includes(made.pid));
      assert.equal((await bench.execute(id, 'exit 0')).status.exitCode, 0);
      await runtime.delete(id);
    },
  );
}

/** The same of the process that made the container. */
export function creatorLaws(law: RuntimeLaw, { steps = [], busybox = '/bin/busybox' }: RuntimeLawOptions): void {
  const place = ({ root }: RuntimeLawContext): BenchPlace => ({ root, busybox });

  law('a container outlives its creator, and its exit is known', async (context) => {
    const { runtime, bench } = context;
    const id = bench.id();
    context.run<RuntimeOperation>([['create', place(context), id, 'while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 42', false]]);
    const { status, supervised } = await runtime.state(id);
    assert.deepEqual([status, supervised], ['running', true]);
    if ((await runtime.features()).exec) assert.equal((await bench.execute(id, 'touch /tmp/go')).status.exitCode, 0);
    else await runtime.kill(id, 9);
    const { exitCode } = await runtime.wait(id);
    assert.ok(exitCode === 42 || exitCode === 137, String(exitCode));
    await bench.until(
      () => isNothing(bench),
      () => 'what was left',
    );
  });

  law('a container that dies with its creator does', async (context) => {
    const { runtime, bench } = context;
    const id = bench.id();
    const child = context.start<RuntimeOperation>([['create', place(context), id, 'sleep 1000', true]], {
      step: 'runtime.start.started',
      signal: 'SIGKILL',
    });
    assert.equal((await child.result).signal, 'SIGKILL');
    await bench.until(
      () => isNothing(bench),
      () => 'what was left',
    );
    await runtime.delete(id);
  });

  for (const [index, step] of steps.entries()) {
    law(`after ${step} in a process that is killed then, everything can be deleted`, async (context) => {
      const { runtime, bench } = context;
      for (const dies of bench.some([true, false], [index % 2 === 0])) {
        const id = bench.id();
        const operations: RuntimeOperation[] = [
          ['create', place(context), id, 'sleep 1000', dies],
          ['exec', place(context), id, 'true', dies],
          ['delete', place(context), id],
        ];
        const { signal, outcomes } = await context.start<RuntimeOperation>(operations, { step, signal: 'SIGKILL' }).result;
        assert.equal(signal, 'SIGKILL', `the step "${step}" was not reached; the process said ${outcomes.join(', ')}`);
        const state = await runtime.state(id).catch((error: unknown) => {
          if (hasCode(error, 'CONTAINER_NOT_FOUND')) return undefined;
          throw error;
        });
        if (state?.status === 'running' && state.supervised && !dies) await runtime.stop(id, { signal: 9, graceMs: 0 });
        await runtime.delete(id);
        await bench.until(
          () => isNothing(bench),
          () => 'what was left',
        );
      }
    });
  }
}

/** Children of a process that have a name, as soon as there is one. */
async function childOf(parent: number, name: string, isIt: (pid: number) => boolean = () => true): Promise<number[]> {
  for (;;) {
    const found = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8')
      .trim()
      .split(' ')
      .map(Number)
      .filter((pid) => pid > 0 && commOf(pid) === `${name}\n` && isIt(pid));
    if (found.length > 0) return found;
    await sleep(1);
  }
}

function commOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number | undefined): void {
  try {
    if (pid !== undefined) linux.kill(pid, 9);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}
