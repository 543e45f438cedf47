import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ShimBench, until } from './shim-bench.ts';

let bench: ShimBench;
beforeEach(() => {
  bench = new ShimBench();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** A creation that comes to the step and no further. */
async function creationAt(step: string): Promise<ChildProcess> {
  bench.plan(bench.steps({ at: { [step]: { hang: true } } }));
  const [binary = '', ...args] = bench.args('create', '--pid-file', path.join(bench.folder, 'pid'), 'box');
  const child = spawn(binary, args, { cwd: bench.folder, stdio: ['ignore', 'pipe', 'pipe'] });
  // What hangs before it says anything has at least been started.
  const isLogged = !['start', 'hello'].includes(step);
  await until(() =>
    isLogged
      ? bench.requests().some((line) => line.startsWith(step))
      : existsSync(path.join(bench.root, 'box', 'processes')) && bench.noted('qemu') > 0,
  );
  return child;
}

const steps = ['start', 'hello', 'Check', 'SetGuestDateTime', 'ReseedRandomDev', 'CreateContainer'];

test.each(steps)('create killed at %s: QEMU and the daemon go, a deletion removes the rest', async (step) => {
  const child = await creationAt(step);
  child.kill('SIGKILL');
  await until(() => bench.processes().length === 0);
  expect(await bench.run('delete', '--force', 'box')).toMatchObject({ code: 0 });
  await bench.gone();
});

test.each(steps)('the daemon killed at %s: the creation fails and leaves nothing', async (step) => {
  const child = await creationAt(step);
  const said = once(child.stderr ?? child, 'data');
  process.kill(bench.noted('vm'), 'SIGKILL');
  expect(String((await said)[0])).toContain('the daemon of the virtual machine was killed');
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(1);
  await bench.gone();
});

test('a creation ended by the deletion of its container', async () => {
  const child = await creationAt('CreateContainer');
  expect(await bench.run('delete', '--force', 'box')).toMatchObject({ code: 0 });
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(1);
  await bench.gone();
});

test('create killed at any moment', async () => {
  for (let round = 0; round < 25; round++) {
    bench.plan(bench.steps({}, { untilSignal: [15] }));
    const [binary = '', ...args] = bench.args('create', '--pid-file', path.join(bench.folder, 'pid'), 'box');
    const child = spawn(binary, args, { cwd: bench.folder, stdio: 'ignore' });
    await sleep(round * 12);
    child.kill('SIGKILL');
    // It may have been done: then the container is there, and the deletion ends it.
    await until(() => child.exitCode !== null || child.signalCode !== null);
    expect(await bench.run('delete', '--force', 'box')).toMatchObject({ code: 0 });
    await bench.gone();
  }
});

test('the monitor killed: the container runs on, and a deletion ends it', async () => {
  const monitor = await bench.started({ untilSignal: [15] });
  const qemu = bench.noted('qemu');
  process.kill(monitor.pid, 'SIGKILL');
  await monitor.ended;
  expect(JSON.parse((await bench.run('state', 'box')).stdout)).toMatchObject({ status: 'running' });
  expect(existsSync(`/proc/${qemu}`)).toBe(true);
  expect(await bench.run('delete', '--force', 'box')).toMatchObject({ code: 0 });
  await bench.gone();
});

test('a process of exec that is killed before the agent has made it is killed in the guest when it is there', async () => {
  await bench.started({ untilSignal: [15] });
  const [binary = '', ...args] = bench.args('exec', '--process', bench.request(bench.folder, { untilSignal: [15] }), 'box');
  for (let round = 0; round < 10; round++) {
    const child = spawn(binary, args, { cwd: bench.folder, stdio: 'ignore' });
    await sleep(round * 2);
    child.kill('SIGKILL');
    if (child.signalCode === null) await once(child, 'exit');
  }
  const made = () =>
    bench
      .requests()
      .filter((line) => line.startsWith('ExecProcess'))
      .map((line) => line.split(' ')[1] ?? '');
  await until(() => made().every((id) => bench.requests().includes(`SignalProcess ${id} 9`)));
});

test('a deletion that is killed is done by the next one', async () => {
  await bench.started({ untilSignal: [15] }, { at: { RemoveContainer: { hang: true } } });
  const [binary = '', ...args] = bench.args('delete', '--force', 'box');
  const child = spawn(binary, args, { cwd: '/', stdio: 'ignore' });
  await until(
    () => bench.requests().some((line) => line.startsWith('RemoveContainer')),
    () => bench.requests(),
  );
  expect(child.exitCode).toBe(null);
  child.kill('SIGKILL');
  expect(await bench.run('delete', '--force', 'box')).toMatchObject({ code: 0 });
  await bench.gone();
});
