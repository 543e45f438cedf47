import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Monitor } from '@slipway/monitor';
import { readStatus } from '@slipway/monitor';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bench, isProcess, until } from './bench.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench[Symbol.asyncDispose]());

const all = { stdin: false, stdout: true, stderr: true };

function proportionalKiB(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
}

async function created(script: string, options: Parameters<Bench['monitor']>[0] = {}): Promise<Monitor> {
  const monitor = await bench.monitor(options);
  await monitor.create(bench.creation(script));
  return monitor;
}

/** A connection that is spoken to byte by byte, attached when `wants` is given. */
async function raw(wants?: readonly string[]): Promise<Socket> {
  const socket = connect(path.join(bench.folder, 'monitor.sock'));
  socket.on('error', () => {});
  await once(socket, 'data');
  if (wants === undefined) return socket;
  const payload = Buffer.from(`attach\x001\0${wants.join('\0')}\0`);
  const header = Buffer.alloc(4);
  header.writeUInt32LE(payload.length);
  socket.write(Buffer.concat([header, payload]));
  await once(socket, 'data');
  return socket;
}

test('8 clients get the same bytes, and the ninth is refused', async () => {
  const data = randomBytes(3_000_000);
  writeFileSync(path.join(bench.folder, 'data'), data);
  const monitor = await created('cat data');
  const outputs: Promise<Buffer>[] = [];
  for (let i = 0; i < 8; i++) {
    const { stdout } = await (await bench.connect(monitor)).attach({ stdin: false, stdout: true, stderr: false });
    outputs.push(buffer(stdout!));
  }
  const ninth = await bench.connect(monitor);
  await expect(ninth.attach(all)).rejects.toMatchObject({ reason: 'state', output: 'too many are attached' });
  await monitor.start();
  for (const output of await Promise.all(outputs)) expect(output.equals(data)).toBe(true);
});

test('200 MB through a slow reader: all of it, in little memory', async () => {
  const monitor = await created('dd if=/dev/zero bs=1M count=200 2>/dev/null; printf last');
  const { stdout } = await (await bench.connect(monitor)).attach({ stdin: false, stdout: true, stderr: false });
  await monitor.start();
  let [bytes, peak, last] = [0, 0, ''];
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    if (Math.floor(bytes / 8e6) !== Math.floor((bytes + chunk.length) / 8e6)) {
      peak = Math.max(peak, proportionalKiB(monitor.pid));
      await sleep(20);
    }
    bytes += chunk.length;
    last = (last + chunk.subarray(-4).toString()).slice(-4);
  }
  expect([bytes, last]).toEqual([200 * 1024 * 1024 + 4, 'last']);
  expect(peak).toBeLessThan(1024);
});

test('a client that reads nothing holds the output up, but not requests, signals or the record of the end', async () => {
  const supervision = bench.supervision({ log: { maxBytes: 1 << 20, maxFiles: 1 } });
  const monitor = await created('trap "exit 4" USR1; yes & while :; do sleep 0.01; done', { supervision });
  const stalled = await raw(['0', '1', '1']);
  stalled.pause();
  await monitor.start();
  const size = () => bench.log().length;
  let before = -1;
  while (before !== size()) {
    before = size();
    await sleep(100);
  }
  const connection = await bench.connect(monitor);
  await connection.signal(10);
  await until(() => readStatus(bench.record)?.status === 'exited');
  expect(readStatus(bench.record)?.exit).toMatchObject({ exitCode: 4 });
  // When it goes, the rest is passed on to the others.
  stalled.destroy();
  expect(await connection.exited).toMatchObject({ exitCode: 4 });
});

test('a client that stalls for ever is left behind by a deletion', async () => {
  const monitor = await created('yes');
  const stalled = await raw(['0', '1', '1']);
  stalled.pause();
  await monitor.start();
  await sleep(200);
  await monitor.delete();
  await monitor.ended;
  stalled.destroy();
});

test('a client that is gone in the middle of it does not stop the output of the others', async () => {
  const monitor = await created('for i in 1 2 3 4 5 6 7 8; do head -c 1000000 /dev/zero; sleep 0.02; done', { stdout: 'pipe' });
  const leaving = await raw(['0', '1', '0']);
  leaving.once('data', () => leaving.destroy());
  const output = buffer(monitor.stdout!);
  await monitor.start();
  expect((await output).length).toBe(8_000_000);
});

test.each([
  ['a frame of an unknown kind', Buffer.from([9, 0, 0, 0, 0])],
  ['input of 4 GiB', Buffer.from([0, 255, 255, 255, 255])],
  ['an end that has a length', Buffer.from([1, 1, 0, 0, 0, 1])],
  ['a size of five bytes', Buffer.from([2, 5, 0, 0, 0, 1, 1, 1, 1, 1])],
  ['random bytes', Buffer.concat([Buffer.from([7]), randomBytes(5000)])],
])('an attached client that sends %s is hung up on, and the container goes on', async (_, bytes) => {
  const monitor = await created('cat; exit 3', { stdin: 'attached' });
  await monitor.start();
  const hostile = await raw(['1', '1', '1']);
  hostile.write(bytes);
  await once(hostile, 'close');
  const connection = await bench.connect(monitor);
  const streams = await connection.attach({ stdin: true, stdout: true, stderr: false });
  const output = text(streams.stdout!);
  streams.stdin?.end('fine');
  expect(await output).toBe('fine');
  expect(await connection.exited).toMatchObject({ exitCode: 3 });
});

test('a resize of what has no terminal, and of no size, is nothing', async () => {
  const monitor = await created('cat', { stdin: 'attached' });
  await monitor.start();
  const client = await raw(['1', '1', '1']);
  client.write(Buffer.from([2, 4, 0, 0, 0, 0, 0, 0, 0]));
  client.write(Buffer.from([0, 2, 0, 0, 0, 104, 105]));
  expect(String((await once(client, 'data'))[0])).toBe('\x01\x02\0\0\0hi');
  client.destroy();
  await monitor.stop(9, 0);
});

test('input from several clients in single bytes and large pieces arrives whole', async () => {
  const monitor = await created('sleep 0.2; cat | wc -c', { stdin: 'attached', stdout: 'pipe' });
  const output = text(monitor.stdout!);
  await monitor.start();
  const streams = [];
  for (let i = 0; i < 3; i++)
    streams.push(await (await bench.connect(monitor)).attach({ stdin: true, stdout: false, stderr: false }));
  const done = streams.map(async ({ stdin }, i) => {
    const piece = Buffer.alloc(i === 0 ? 1 : 400_000);
    for (let n = 0; n < (i === 0 ? 1000 : 5); n++) {
      await new Promise((resolve) => stdin?.write(piece, resolve));
    }
  });
  await Promise.all(done);
  // What the others have sent is in the monitor, or before it: it is taken before this client's end.
  await sleep(2000);
  streams[0]?.stdin?.end();
  expect(Number(await output)).toBe(1000 + 2 * 5 * 400_000);
});

test('input without anybody attached stays open, and its end is final', async () => {
  const monitor = await created('read a; read b; echo "$a $b"; cat; sleep 1000', { stdin: 'attached', stdout: 'pipe' });
  await monitor.start();
  for (const line of ['one\n', 'two\n']) {
    const connection = await bench.connect(monitor);
    const { stdin } = await connection.attach({ stdin: true, stdout: false, stderr: false });
    await new Promise((resolve) => stdin?.write(line, resolve));
    await sleep(50);
    connection[Symbol.dispose]();
  }
  expect(String((await once(monitor.stdout as Readable, 'data'))[0])).toBe('one two\n');
  const last = await (await bench.connect(monitor)).attach({ stdin: true, stdout: false, stderr: false });
  last.stdin?.end();
  const refused = () =>
    bench
      .connect(monitor)
      .then((connection) => connection.attach({ stdin: true, stdout: false, stderr: false }))
      .then(
        () => false,
        (error: { output: string }) => error.output === 'it has no open input',
      );
  while (!(await refused())) await sleep(20);
});

test('without input, attaching to it is refused; without a container, attaching is', async () => {
  const monitor = await bench.monitor();
  const connection = await bench.connect(monitor);
  await expect(connection.attach(all)).rejects.toMatchObject({ reason: 'state' });
  await monitor.create(bench.creation('sleep 1000'));
  await expect(connection.attach({ ...all, stdin: true })).rejects.toMatchObject({ output: 'it has no open input' });
  await connection.attach(all);
});

test('detach closes what the creator gave; output goes on to the log and to clients, input comes from them', async () => {
  const supervision = bench.supervision({ log: { maxBytes: 1 << 20, maxFiles: 1 } });
  const script = 'echo before; read a; echo "got $a"; read b; echo "got $b"; exit 2';
  const monitor = await created(script, { supervision, stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' });
  await monitor.start();
  await once(monitor.stdout as Readable, 'data');
  monitor.stdin?.write('one\n');
  await until(() => bench.log().length === 2);
  await monitor.detach();
  expect(monitor.stdout?.destroyed).toBe(true);
  monitor.release();
  await sleep(100);
  const connection = await bench.connect(monitor);
  const streams = await connection.attach({ stdin: true, stdout: true, stderr: true });
  const output = text(streams.stdout!);
  streams.stdin?.write('two\n');
  expect(await output).toBe('got two\n');
  expect(await connection.exited).toMatchObject({ exitCode: 2 });
  expect(bench.log().map(([, , line]) => line)).toEqual(['before', 'got one', 'got two']);
});

test('detach leaves files of the creator as they are, and the program gets no SIGPIPE', async () => {
  const monitor = await created('while [ ! -e end ]; do echo x; sleep 0.01; done; exit 8', { stdout: 'pipe' });
  await monitor.start();
  await once(monitor.stdout as Readable, 'data');
  await monitor.detach();
  await sleep(100);
  writeFileSync(path.join(bench.folder, 'end'), '');
  expect(await monitor.exited).toMatchObject({ exitCode: 8 });
});

test('in a pipeline the program ends with its reader, but not while somebody else listens', async () => {
  const monitor = await created('yes', { dieWithParent: true, stdout: 'pipe' });
  const connection = await bench.connect(monitor);
  const streams = await connection.attach({ stdin: false, stdout: true, stderr: false });
  await monitor.start();
  await once(monitor.stdout as Readable, 'data');
  monitor.stdout?.destroy();
  let bytes = 0;
  for await (const chunk of streams.stdout as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > 10_000_000) break;
  }
  expect(isProcess(monitor.pid)).toBe(true);
  await monitor.delete();

  const other = new Bench();
  try {
    const alone = await other.monitor({ dieWithParent: true, stdout: 'pipe' });
    await alone.create(other.creation('exec yes'));
    await alone.start();
    await once(alone.stdout as Readable, 'data');
    alone.stdout?.destroy();
    expect(await alone.exited).toMatchObject({ exitCode: 141, signal: 13 });
    await alone.delete();
  } finally {
    await other[Symbol.asyncDispose]();
  }
});

test("the last bytes reach a slow client after the container's end, when the creator is gone", async () => {
  const monitor = await created('head -c 300000 /dev/zero; printf last');
  const connection = await bench.connect(monitor);
  const { stdout } = await connection.attach({ stdin: false, stdout: true, stderr: false });
  await monitor.start();
  monitor.release();
  await until(() => readStatus(bench.folder)?.status === 'exited');
  await sleep(200);
  const parts: Buffer[] = [];
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    parts.push(chunk);
    await sleep(10);
  }
  const output = Buffer.concat(parts);
  expect([output.length, output.subarray(-4).toString()]).toEqual([300_004, 'last']);
  expect(await connection.exited).toMatchObject({ exitCode: 0 });
  await until(() => !isProcess(monitor.pid));
});

test('a monitor that is killed fails the streams and the end', async () => {
  const monitor = await created('yes');
  const connection = await bench.connect(monitor);
  const { stdout } = await connection.attach({ stdin: false, stdout: true, stderr: false });
  await monitor.start();
  await once(stdout as Readable, 'data');
  const { process: container } = readStatus(bench.folder) ?? {};
  process.kill(monitor.pid, 'SIGKILL');
  await expect(pipeline(stdout!, createSink())).rejects.toThrow();
  await expect(connection.exited).rejects.toMatchObject({ code: 'MONITOR_LOST' });
  process.kill(container?.pid ?? 0, 'SIGKILL');
});

function createSink() {
  return async (source: AsyncIterable<unknown>) => {
    for await (const _ of source);
  };
}

test('a file as output gets all of it', async () => {
  const file = path.join(bench.folder, 'out');
  const { open } = await import('node:fs/promises');
  await using handle = await open(file, 'w');
  const monitor = await created('head -c 1000000 /dev/zero', { stdout: handle.fd });
  await monitor.start();
  await monitor.exited;
  expect((await buffer(createReadStream(file))).length).toBe(1_000_000);
});
