import { existsSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readStatus } from '@slipway/monitor';
import type { HealthProbe } from '@slipway/plugin-api';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bench, isProcess, sh, until } from './bench.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench[Symbol.asyncDispose]());

const often: HealthProbe = {
  args: [],
  intervalMs: 30,
  timeoutMs: 10_000,
  startPeriodMs: 0,
  startIntervalMs: 30,
  retries: 3,
};
const health = () => readStatus(bench.record)?.health;
const changes = () =>
  bench
    .events()
    .filter(({ action }) => action === 'health_status')
    .map(({ attributes }) => attributes['status']);

function probed(probe: string, more: Partial<HealthProbe> = {}, script = 'sleep 1000') {
  return bench.run(script, { supervision: bench.supervision({ health: { ...often, ...more } }), probe: sh(probe) });
}

test('healthy, unhealthy after so many failures in a row, and healthy again', async () => {
  const state = path.join(bench.folder, 'good');
  writeFileSync(state, '');
  const monitor = await probed('echo run >>probes; if [ -e good ]; then echo fine; else echo bad >&2; exit 3; fi');
  expect(health()).toEqual({ status: 'starting', failures: 0 });
  await until(() => health()?.status === 'healthy');
  expect(health()).toMatchObject({ failures: 0, last: { exitCode: 0, output: 'fine\n' } });
  rmSync(state);
  await until(() => health()?.status === 'unhealthy');
  expect(health()).toMatchObject({ last: { exitCode: 3, output: 'bad\n' } });
  expect(health()?.failures).toBeGreaterThanOrEqual(3);
  writeFileSync(state, '');
  await until(() => health()?.status === 'healthy');
  // The record comes before the event.
  await until(() => changes().length === 3);
  expect(changes()).toEqual(['healthy', 'unhealthy', 'healthy']);
  await monitor.signal(9);
  await monitor.exited;
  expect(health()?.status).toBe('healthy');
});

test('a probe that takes too long is killed with what it started, and counts as -1', async () => {
  await probed('sleep 1000 & echo $! >child; echo partly; wait', { timeoutMs: 200, retries: 1 });
  await until(() => health()?.status === 'unhealthy');
  expect(health()?.last).toMatchObject({ exitCode: -1, output: 'partly\n' });
  await until(() => !isProcess(Number(bench.lines('child')[0])));
});

test('failures in the start period do not count, and a success ends it', async () => {
  await probed('echo run >>probes; [ -e good ]', { startPeriodMs: 1_000_000, startIntervalMs: 10, retries: 1, intervalMs: 20 });
  await until(() => bench.lines('probes').length >= 5);
  expect(health()).toMatchObject({ status: 'starting', failures: 0 });
  writeFileSync(path.join(bench.folder, 'good'), '');
  await until(() => health()?.status === 'healthy');
  rmSync(path.join(bench.folder, 'good'));
  await until(() => health()?.status === 'unhealthy');
});

test('a probe that prints without end, or what is no text, is bounded and readable', async () => {
  await probed("head -c 100000 /dev/zero | tr '\\0' '\\377'; printf '\"\\\\\\n\\001\\303\\251'");
  await until(() => health()?.last !== undefined);
  const output = health()?.last?.output ?? '';
  expect(output.endsWith('�"\\\n\u0001é')).toBe(true);
  expect(output.length).toBeLessThanOrEqual(4096);
});

test('a probe that is not there fails', async () => {
  await bench.run('sleep 1000', {
    supervision: bench.supervision({ health: { ...often, retries: 1 } }),
    probe: ['/nowhere/runc'],
  });
  await until(() => health()?.status === 'unhealthy');
  expect(health()?.last).toMatchObject({ exitCode: 127, output: 'execve' });
});

test('a probe ends with the container and holds nothing up', async () => {
  const monitor = await probed('echo $$ >probe; exec sleep 1000');
  await until(() => existsSync(path.join(bench.folder, 'probe')) && bench.lines('probe').length === 1);
  await monitor.stop(9, 0);
  await monitor.exited;
  await monitor.ended;
  expect(isProcess(Number(bench.lines('probe')[0]))).toBe(false);
});

test('health begins anew with each run', async () => {
  const supervision = bench.supervision({ health: { ...often, retries: 1 }, restart: { name: 'always' } });
  const monitor = await bench.run('until [ -e end ]; do sleep 0.01; done; rm end', { supervision, probe: sh('exit 1') });
  await until(() => health()?.status === 'unhealthy');
  writeFileSync(path.join(bench.folder, 'end'), '');
  await until(() => readStatus(bench.record)?.restarts === 1 && readStatus(bench.record)?.status === 'running');
  await until(() => changes().length === 2);
  expect(changes()).toEqual(['unhealthy', 'unhealthy']);
  await monitor.delete();
});

test('a probe without a command to run it is refused', async () => {
  await expect(bench.monitor({ supervision: bench.supervision({ health: often }) })).rejects.toMatchObject({
    kind: 'invalid-argument',
  });
});
