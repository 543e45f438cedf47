import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connectMonitor, isAlive, readStatus } from '@slipway/monitor';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bench, isProcess, until } from './bench.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench[Symbol.asyncDispose]());

/** Runs the client until it is killed; answers the monitor's number. */
async function killedAfter(step: string, dieWithParent: boolean): Promise<number> {
  const client = fileURLToPath(new URL('client.ts', import.meta.url));
  const child = spawn(process.execPath, [client, bench.folder, String(dieWithParent), step], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  expect((await once(child, 'exit'))[1]).toBe('SIGKILL');
  return Number(bench.lines('monitor')[0]);
}

async function expectNothingLeft(monitor: number): Promise<void> {
  await until(() => !isProcess(monitor));
  const pid = Number(bench.lines('pid')[0] ?? 0);
  expect(pid > 0 && isProcess(pid)).toBe(false);
  expect(bench.deletions()).toBe(1);
}

const before = ['set up', 'create asked', 'created', 'attached'];
const after = ['start asked', 'started'];

test('a monitor whose creator was killed before it could greet it ends', async () => {
  const program = fileURLToPath(new URL('../../../native/monitor/build/slipway-monitor', import.meta.url));
  const ended = Array.from({ length: 10 }, () => {
    const monitor = spawn(program, ['3'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    monitor.stdio[3]?.destroy();
    return once(monitor, 'exit');
  });
  await Promise.all(ended);
});

test.each([...before, ...after, 'stopped'])(
  'a client killed after "%s" takes a container that dies with it along',
  async (step) => {
    await expectNothingLeft(await killedAfter(step, true));
  },
);

test.each([...before, 'stopped'])('a client killed after "%s" leaves nothing that nobody could start', async (step) => {
  await expectNothingLeft(await killedAfter(step, false));
});

test.each([
  ...after.map((step) => [step, false] as const),
  ['detached', false],
  // Who detaches leaves it to itself.
  ['detached', true],
] as const)('a client killed after "%s" leaves a container that goes on (dieWithParent %s)', async (step, dieWithParent) => {
  const monitor = await killedAfter(step, dieWithParent);
  await until(() => readStatus(bench.folder)?.status === 'running');
  const { process: container, bootId = '' } = readStatus(bench.folder) ?? {};
  expect(container !== undefined && isAlive(container, bootId)).toBe(true);
  await sleep(100);
  expect(readStatus(bench.folder)?.status).toBe('running');
  using connection = await connectMonitor(bench.folder, monitor);
  await connection.stop(15, 10_000);
  expect(await connection.exited).toMatchObject({ exitCode: 143 });
  await expectNothingLeft(monitor);
});

test('a start that fails when its creator is gone leaves nothing', async () => {
  const starting = { args: ['/bin/sh', '-c', 'sleep 0.3; exit 1'], limitMs: 10_000 };
  const monitor = await bench.monitor({ starting });
  await monitor.create(bench.creation('exit 0'));
  monitor.start().catch(() => {});
  await sleep(100);
  monitor.release();
  await monitor.ended;
  expect(bench.deletions()).toBe(1);
});

test('at 40 random moments of its life a monitor that is told to end leaves nothing', async () => {
  for (let round = 0; round < 40; round++) {
    await using other = new Bench();
    const supervision = other.supervision({ restart: { name: 'always' }, log: { maxBytes: 5000, maxFiles: 2 } });
    const monitor = await other.monitor({ supervision });
    const life = (async () => {
      await monitor.create(other.creation('echo run; [ $(($$ % 3)) = 0 ] && sleep 0.05; exit 1'));
      await monitor.start();
    })().catch(() => {});
    await sleep(Math.random() * 300);
    process.kill(monitor.pid, 'SIGTERM');
    await Promise.all([life, monitor.ended]);
    const pid = Number(other.lines('pid')[0] ?? 0);
    expect(pid > 0 && isProcess(pid)).toBe(false);
    expect(other.deletions()).toBeGreaterThan(0);
    other.log();
  }
});
