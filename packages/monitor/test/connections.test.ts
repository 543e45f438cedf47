import { existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectMonitor, isAlive, readStatus } from '@slipway/monitor';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bench, isProcess, until } from './bench.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench[Symbol.asyncDispose]());

test('several clients start, signal and wait, and each is told the end', async () => {
  const monitor = await bench.monitor();
  await monitor.create(bench.creation('trap "exit 7" USR1; while :; do sleep 0.01; done'));
  const [first, second] = await Promise.all([bench.connect(monitor), bench.connect(monitor)]);
  await first.start();
  await expect(second.start()).rejects.toMatchObject({ reason: 'state' });
  await sleep(100);
  await second.signal(10);
  const ends = await Promise.all([first.exited, second.exited, monitor.exited]);
  for (const end of ends) expect(end).toMatchObject({ exitCode: 7 });
  expect(bench.deletions()).toBe(1);
  await monitor.ended;
});

test('the socket is for its owner alone and goes with the monitor', async () => {
  const monitor = await bench.run('sleep 1000');
  const socket = path.join(bench.folder, 'monitor.sock');
  expect(lstatSync(socket).mode & 0o777).toBe(0o600);
  await monitor.stop(15, 10_000);
  await monitor.ended;
  expect(lstatSync(socket, { throwIfNoEntry: false })).toBeUndefined();
});

test('who hangs up changes nothing for the container, and there is always room for one more than those who wait', async () => {
  const monitor = await bench.run('sleep 1000');
  const many = await Promise.all(Array.from({ length: 16 }, () => bench.connect(monitor)));
  const ends = many.map(({ exited }) => exited.catch((error: unknown) => error));
  const more = await connectMonitor(bench.folder, monitor.pid);
  await expect(more.signal(0)).rejects.toMatchObject({ reason: 'state' });
  expect(await Promise.race(ends)).toMatchObject({ kind: 'unavailable', code: 'MONITOR_BUSY' });
  more[Symbol.dispose]();
  for (const connection of many) connection[Symbol.dispose]();
  const again = await bench.connect(monitor);
  expect(readStatus(bench.folder)?.status).toBe('running');
  await again.stop(9, 0);
  expect(await again.exited).toMatchObject({ exitCode: 137, signal: 9 });
});

test('an attached client gets the output, feeds the input, and is told the end', async () => {
  const monitor = await bench.monitor({ stdin: 'attached' });
  await monitor.create(bench.creation('read line; echo "got $line"; echo error >&2; cat; exit 3'));
  const connection = await bench.connect(monitor);
  const streams = await connection.attach({ stdin: true, stdout: true, stderr: true });
  const output = Promise.all([text(streams.stdout!), text(streams.stderr!)]);
  await monitor.start();
  streams.stdin?.write('hello\n');
  streams.stdin?.end('rest');
  expect(await output).toEqual(['got hello\nrest', 'error\n']);
  expect(await connection.exited).toMatchObject({ exitCode: 3 });
  expect(streams.terminal).toBe(false);
});

test('stop sends its signal, and SIGKILL after the grace', async () => {
  const ready = path.join(bench.folder, 'ready');
  const monitor = await bench.run(`trap "" TERM; : >'${ready}'; while :; do sleep 0.01; done`);
  await until(() => lstatSync(ready, { throwIfNoEntry: false }) !== undefined);
  const connection = await bench.connect(monitor);
  await connection.stop(15, 200);
  expect(readStatus(bench.folder)).toMatchObject({ status: 'running', stopRequested: true });
  expect(await connection.exited).toMatchObject({ exitCode: 137, signal: 9 });
});

test('stop with a signal that the program heeds needs no SIGKILL; without end it waits', async () => {
  const monitor = await bench.run('trap "exit 5" TERM; while :; do sleep 0.01; done');
  await sleep(100);
  await monitor.stop(15, Number.POSITIVE_INFINITY);
  expect(await monitor.exited).toMatchObject({ exitCode: 5 });
});

test('what was only created is stopped at once', async () => {
  const monitor = await bench.monitor();
  await monitor.create(bench.creation('exit 0'));
  await monitor.stop(15, 1_000_000);
  expect(await monitor.exited).toMatchObject({ signal: 9 });
});

test('without its creator the container goes on, and the monitor cleans up at its end', async () => {
  const monitor = await bench.run('until [ -e end ]; do sleep 0.01; done; exit 4', { stdout: 'pipe' });
  monitor.release();
  await sleep(100);
  const connection = await bench.connect(monitor);
  await connection.signal(18);
  expect(isProcess(monitor.pid)).toBe(true);
  writeFileSync(path.join(bench.folder, 'end'), '');
  expect(await connection.exited).toMatchObject({ exitCode: 4 });
  await until(() => !isProcess(monitor.pid));
  expect(bench.deletions()).toBe(1);
  expect(readStatus(bench.folder)).toMatchObject({ status: 'exited', exit: { exitCode: 4, oomKilled: false } });
});

test('bug: each monitor that a process had left to itself cost it a descriptor until its end', async () => {
  const before = readdirSync('/proc/self/fd').length;
  const monitor = await bench.run('until [ -e end ]; do sleep 0.01; done');
  monitor.release();
  await until(() => readdirSync('/proc/self/fd').length === before);
  writeFileSync(path.join(bench.folder, 'end'), '');
  await monitor.ended;
  expect(existsSync(`/proc/${monitor.pid}`)).toBe(false);
});

test('the status tells each stage, and whether its processes live', async () => {
  const monitor = await bench.monitor({ supervision: bench.supervision() });
  expect(readStatus(bench.record)).toBeUndefined();
  const pid = await monitor.create(bench.creation('sleep 1000'));
  const created = readStatus(bench.record);
  expect(created).toMatchObject({ status: 'created', process: { pid }, monitor: { pid: monitor.pid }, restarts: 0 });
  expect(created?.startedAt).toBeUndefined();
  expect(isAlive(created!.monitor, created!.bootId)).toBe(true);
  expect(isAlive(created!.process!, created!.bootId)).toBe(true);
  expect(isAlive(created!.process!, 'another boot')).toBe(false);
  expect(isAlive({ pid, startTicks: '1' }, created!.bootId)).toBe(false);
  await monitor.start();
  const running = readStatus(bench.record);
  expect(running).toMatchObject({ status: 'running', process: created?.process, stopRequested: false });
  expect(Number.isNaN(Date.parse(running?.startedAt ?? ''))).toBe(false);
  await monitor.signal(15);
  await monitor.exited;
  const exited = readStatus(bench.record);
  expect(exited).toMatchObject({ status: 'exited', exit: { exitCode: 143, signal: 15 } });
  expect(exited?.process).toBeUndefined();
  expect(isAlive(created!.process!, created!.bootId)).toBe(false);
  await monitor.ended;
  expect(bench.events().map(({ action, id, attributes }) => [action, id, attributes])).toEqual([
    ['start', 'record', {}],
    ['die', 'record', { exitCode: '143', signal: '15' }],
  ]);
});

test('a number that belongs to another process is no monitor', async () => {
  await expect(connectMonitor(bench.folder, process.pid)).rejects.toMatchObject({
    kind: 'failed-precondition',
    code: 'MONITOR_LOST',
  });
  const monitor = await bench.run('sleep 1000');
  const elsewhere = path.join(bench.folder, 'elsewhere');
  mkdirSync(elsewhere);
  await expect(connectMonitor(elsewhere, monitor.pid)).rejects.toMatchObject({ code: 'MONITOR_LOST' });
});

test('only its creator may set it up', async () => {
  const monitor = await bench.run('sleep 1000');
  const socket = connect(path.join(bench.folder, 'monitor.sock'));
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  for (const verb of ['setup', 'command', 'supervise', 'health', 'mount', 'unmount', 'create']) {
    const payload = Buffer.from(`${verb}\0${verb}\0/\x000\0`);
    const header = Buffer.alloc(4);
    header.writeUInt32LE(payload.length);
    socket.write(Buffer.concat([header, payload]));
    await until(() => received.includes(`failed\0${verb}\0`));
  }
  socket.destroy();
  await monitor.signal(9);
  await monitor.exited;
});
