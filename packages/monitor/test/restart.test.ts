import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { readStatus } from '@slipway/monitor';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bench, isProcess, until } from './bench.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench[Symbol.asyncDispose]());

const always = { name: 'always' } as const;
const log = { maxBytes: 1 << 20, maxFiles: 1 };
const status = () => readStatus(bench.record);

test('on-failure ends after so many in a row, with twice the delay each time', async () => {
  const begun = performance.now();
  const monitor = await bench.run('date +%s%N >>times; echo run; exit 3', {
    supervision: bench.supervision({ restart: { name: 'on-failure', maximumRetries: 3 }, log }),
  });
  expect(await monitor.exited).toMatchObject({ exitCode: 3 });
  // 100, 200 and 400 ms are waited.
  expect(performance.now() - begun).toBeGreaterThan(700);
  const times = bench.lines('times').map((line) => Number(BigInt(line) / 1_000_000n));
  const waits = times.slice(1).map((time, i) => time - (times[i] ?? 0));
  expect(waits.map((wait, i) => wait >= 100 * 2 ** i)).toEqual([true, true, true]);
  expect(status()).toMatchObject({ status: 'exited', restarts: 3, stopRequested: false, exit: { exitCode: 3 } });
  // One for each run, and the last removes what is left.
  expect(bench.deletions()).toBe(4);
  expect(bench.log().map(([, , line]) => line)).toEqual(['run', 'run', 'run', 'run']);
  const actions = bench.events().map(({ action }) => action);
  expect(actions).toEqual(['start', 'die', 'start', 'die', 'start', 'die', 'start', 'die']);
});

test('on-failure does not restart what has succeeded', async () => {
  const monitor = await bench.run('echo run >>runs; [ -e failed ] && exit 0; touch failed; exit 1', {
    supervision: bench.supervision({ restart: { name: 'on-failure' } }),
  });
  expect(await monitor.exited).toMatchObject({ exitCode: 0 });
  expect(status()).toMatchObject({ restarts: 1 });
});

test.each(['always', 'unless-stopped'] as const)('%s restarts what has succeeded, until it is stopped', async (name) => {
  const monitor = await bench.run('echo run >>runs', { supervision: bench.supervision({ restart: { name } }) });
  await until(() => bench.lines('runs').length >= 3);
  await monitor.stop(15, 1000);
  await monitor.exited;
  await monitor.ended;
  expect(status()).toMatchObject({ status: 'exited', stopRequested: true });
});

test('the first start is not restarted when its command fails', async () => {
  const starting = { args: ['/bin/false'], limitMs: 1000 };
  const monitor = await bench.monitor({ starting, supervision: bench.supervision({ restart: always }) });
  await monitor.create(bench.creation('exit 0'));
  await expect(monitor.start()).rejects.toMatchObject({ reason: 'exit', value: 1 });
  await monitor.delete();
  await monitor.ended;
  expect(status()).toMatchObject({ status: 'exited', restarts: 0 });
});

async function waiting(): Promise<void> {
  // The fourth back-off lasts long enough to be met.
  await until(() => status()?.restarts === 4 && status()?.status === 'restarting');
  // The record comes before the event.
  await until(() => bench.events().length === 8);
}

test('stop while it waits to be restarted ends it at once', async () => {
  const monitor = await bench.run('exit 1', { supervision: bench.supervision({ restart: always }) });
  await waiting();
  const connection = await bench.connect(monitor);
  await connection.stop(15, 60_000);
  expect(await connection.exited).toMatchObject({ exitCode: 1 });
  await monitor.ended;
  expect(bench.events()).toHaveLength(8);
  expect(status()).toMatchObject({ status: 'exited', stopRequested: true, restarts: 4 });
});

test('SIGKILL on request ends it, while it runs and while it waits; any other signal does not', async () => {
  const running = await bench.run('echo run >>runs; sleep 1000', { supervision: bench.supervision({ restart: always }) });
  await until(() => bench.lines('runs').length === 1);
  await running.signal(15);
  await until(() => bench.lines('runs').length === 2);
  await running.signal(9);
  expect(await running.exited).toMatchObject({ signal: 9 });
  expect(status()).toMatchObject({ restarts: 1, stopRequested: true });
});

test('SIGKILL while it waits to be restarted, and delete', async () => {
  const monitor = await bench.run('exit 1', { supervision: bench.supervision({ restart: always }) });
  await waiting();
  await expect(monitor.signal(15)).rejects.toMatchObject({ reason: 'exited' });
  await monitor.signal(9);
  await monitor.exited;
  await monitor.delete();
  await monitor.ended;
});

test('a container that was killed by others is restarted', async () => {
  const monitor = await bench.run('echo run >>runs; sleep 1000', { supervision: bench.supervision({ restart: always }) });
  await until(() => bench.lines('runs').length === 1);
  process.kill(status()?.process?.pid ?? 0, 'SIGKILL');
  await until(() => bench.lines('runs').length === 2);
  expect(status()).toMatchObject({ status: 'running', restarts: 1, exit: { exitCode: 137 } });
  await monitor.delete();
  await monitor.ended;
});

test('attached clients, the input and the log stay connected across restarts', async () => {
  const monitor = await bench.monitor({ stdin: 'attached', supervision: bench.supervision({ restart: always, log }) });
  await monitor.create(bench.creation('read line; echo "got $line"; exit 1'));
  const connection = await bench.connect(monitor);
  const streams = await connection.attach({ stdin: true, stdout: true, stderr: false });
  const output = text(streams.stdout!);
  await monitor.start();
  streams.stdin?.write('one\n');
  await until(() => status()?.status === 'running' && status()?.restarts === 1);
  streams.stdin?.write('two\n');
  await until(() => status()?.status === 'running' && status()?.restarts === 2);
  await monitor.stop(15, 10_000);
  expect(await output).toBe('got one\ngot two\n');
  expect(bench.log().map(([, , line]) => line)).toEqual(['got one', 'got two']);
});

test('what clients send between two runs is the input of the next', async () => {
  const monitor = await bench.monitor({ stdin: 'attached', supervision: bench.supervision({ restart: always, log }) });
  await monitor.create(bench.creation('[ -e first ] && read line && echo "got $line" && sleep 1000; touch first; exit 1'));
  const connection = await bench.connect(monitor);
  const streams = await connection.attach({ stdin: true, stdout: false, stderr: false });
  await monitor.start();
  await until(() => status()?.status === 'restarting');
  streams.stdin?.write('between\n');
  await until(() => bench.log().length === 1);
  expect(bench.log()[0]?.[2]).toBe('got between');
  await monitor.delete();
});

test("the creator's own input and output stay connected across restarts", async () => {
  const monitor = await bench.monitor({
    stdin: 'pipe',
    stdout: 'pipe',
    supervision: bench.supervision({ restart: { name: 'on-failure', maximumRetries: 1 } }),
  });
  await monitor.create(bench.creation('read line; echo "got $line"; exit 1'));
  const output = text(monitor.stdout!);
  await monitor.start();
  monitor.stdin?.write('one\n');
  await until(() => status()?.status === 'running' && status()?.restarts === 1);
  monitor.stdin?.write('two\n');
  expect(await output).toBe('got one\ngot two\n');
  await monitor.exited;
});

test('a restart that cannot be created counts as one that failed', async () => {
  const script = 'echo run >>runs; exit 1';
  const monitor = await bench.monitor({
    supervision: bench.supervision({ restart: { name: 'on-failure', maximumRetries: 3 } }),
  });
  const creation = bench.creation(script);
  const once = { ...creation, args: ['/bin/sh', '-c', `[ -e made ] && exit 9; touch made; ${creation.args[2]}`] };
  await monitor.create(once);
  await monitor.start();
  expect(await monitor.exited).toMatchObject({ exitCode: 1 });
  expect(bench.lines('runs')).toHaveLength(1);
  expect(status()).toMatchObject({ restarts: 3, status: 'exited' });
});

test('a start that fails on a restart is tried again', async () => {
  const starting = {
    args: ['/bin/sh', '-c', 'n=$(cat n 2>/dev/null); echo x$n >n; [ "$n" = x ] && exit 1; touch go'],
    limitMs: 1000,
  };
  const monitor = await bench.monitor({ starting, supervision: bench.supervision({ restart: always }) });
  await monitor.create(bench.creation('echo run >>runs; exit 1'));
  await monitor.start();
  await until(() => bench.lines('runs').length === 3);
  expect(readFileSync(path.join(bench.folder, 'n'), 'utf8').trim().length).toBeGreaterThanOrEqual(4);
  await monitor.delete();
});

test('it goes on restarting when its creator was killed', async () => {
  const monitor = await bench.run('echo run >>runs; exit 1', {
    supervision: bench.supervision({ restart: always }),
    stdout: 'pipe',
  });
  monitor.release();
  const before = bench.lines('runs').length;
  await until(() => bench.lines('runs').length > before + 1);
  const connection = await bench.connect(monitor);
  await connection.delete();
  await until(() => !isProcess(monitor.pid));
});

test('stop during each phase of a restart leaves nothing', async () => {
  for (const afterMs of [0, 20, 60, 100, 110, 120, 150, 200]) {
    await using other = new Bench();
    const monitor = await other.run('exit 1', { supervision: other.supervision({ restart: always }) });
    await sleep(afterMs);
    await monitor.stop(15, 1000).catch((error: unknown) => expect(error).toMatchObject({ reason: 'state' }));
    await monitor.stop(15, 1000).catch(() => {});
    await monitor.exited;
    await monitor.ended;
    expect(readStatus(other.record)).toMatchObject({ status: 'exited', stopRequested: true });
  }
});

test('with a parent that it dies with, it is restarted and told the end, and waits for the deletion', async () => {
  const monitor = await bench.run('exit 1', {
    dieWithParent: true,
    supervision: bench.supervision({ restart: { name: 'on-failure', maximumRetries: 1 } }),
  });
  await monitor.exited;
  await sleep(100);
  expect(isProcess(monitor.pid)).toBe(true);
  await monitor.delete();
  await monitor.ended;
});

test('a policy that is set while it runs holds for its end, and what it writes goes where it went before', async () => {
  const monitor = await bench.run('echo run >>runs; echo out; until [ -e end ]; do sleep 0.01; done; exit 1', {
    stdout: 'pipe',
    supervision: bench.supervision({ log }),
  });
  if (monitor.stdout === undefined) throw new Error('no stdout');
  const written = text(monitor.stdout);
  const connection = await bench.connect(monitor);
  await connection.setRestartPolicy({ name: 'on-failure', maximumRetries: 2 });
  writeFileSync(path.join(bench.folder, 'end'), '');
  expect(await monitor.exited).toMatchObject({ exitCode: 1 });
  expect(status()).toMatchObject({ status: 'exited', restarts: 2 });
  expect(await written).toBe('out\nout\nout\n');
  expect(bench.log().map(([, , line]) => line)).toEqual(['out', 'out', 'out']);
});

test('without a policy from now on it ends with its run', async () => {
  const monitor = await bench.run('echo run >>runs; until [ -e end ]; do sleep 0.01; done', {
    supervision: bench.supervision({ restart: always }),
  });
  const connection = await bench.connect(monitor);
  await connection.setRestartPolicy({ name: 'no' });
  writeFileSync(path.join(bench.folder, 'end'), '');
  expect(await monitor.exited).toMatchObject({ exitCode: 0 });
  expect(status()).toMatchObject({ status: 'exited', restarts: 0 });
});

test('a policy of no name, and one for what nobody supervises, is refused', async () => {
  const monitor = await bench.run('sleep 1000');
  const connection = await bench.connect(monitor);
  await expect(connection.setRestartPolicy(always)).rejects.toMatchObject({ reason: 'state' });
  const name = 'sometimes' as 'always';
  await expect(connection.setRestartPolicy({ name })).rejects.toMatchObject({ reason: 'state' });
  await expect(connection.setRestartPolicy({ name: 'on-failure', maximumRetries: -1 })).rejects.toMatchObject({
    reason: 'state',
  });
  await monitor.delete();
});
