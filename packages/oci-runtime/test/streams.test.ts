import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectClean } from './expect-clean.ts';
import { Host, text } from './host.ts';

let host: Host;
beforeEach(() => {
  host = new Host();
});
afterEach(() => {
  using _ = host;
  expectClean(host);
});

const MiB = 1024 * 1024;

async function digest(stream: Readable | undefined): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream ?? []) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

test('stdin, stdout and stderr are byte-exact and separate with 50 MiB of random data', async () => {
  const data = randomBytes(50 * MiB);
  const expected = createHash('sha256').update(data).digest('hex');
  for (const [command, stream] of [
    ['cat', 'stdout'],
    ['cat >&2', 'stderr'],
  ] as const) {
    const container = await host.create(['sh', '-c', command], { stdio: { stdin: 'pipe' } });
    const digests = Promise.all([digest(container.stdout), digest(container.stderr)]);
    await container.start();
    const chunks = Array.from({ length: 50 }, (_, i) => data.subarray(i * MiB, (i + 1) * MiB));
    await pipeline(Readable.from(chunks), container.stdin!);
    expect(await container.wait()).toMatchObject({ exitCode: 0 });
    const empty = createHash('sha256').digest('hex');
    expect(await digests).toEqual(stream === 'stdout' ? [expected, empty] : [empty, expected]);
    await host.runtime.delete(container.id);
  }
});

test('the end of stdin reaches the program while its output goes on', async () => {
  const container = await host.create(['sh', '-c', 'cat >/dev/null; echo after the end; sleep 0.2; echo later'], {
    stdio: { stdin: 'pipe' },
  });
  const output = text(container.stdout);
  container.stderr?.resume();
  await container.start();
  container.stdin?.end('some input');
  expect(await output).toBe('after the end\nlater\n');
  await container.wait();
  await host.runtime.delete(container.id);
});

test('a program that closes its output early goes on, and one that reads no stdin ends', async () => {
  const container = await host.create(['sh', '-c', 'exec >&- 2>&-; sleep 0.2; exit 3'], { stdio: { stdin: 'pipe' } });
  container.stdout?.resume();
  container.stderr?.resume();
  await container.start();
  container.stdin?.write(randomBytes(MiB));
  expect(await container.wait()).toMatchObject({ exitCode: 3 });
  await host.runtime.delete(container.id);
});

test('a stdin that nobody reads any more fails for the writer', async () => {
  const container = await host.create(['sh', '-c', 'exec <&-; sleep 1000'], { stdio: { stdin: 'pipe' } });
  await container.start();
  const failed = new Promise((resolve) => container.stdin?.once('error', resolve));
  const timer = setInterval(() => container.stdin?.write('x'), 20);
  expect(await failed).toMatchObject({ code: expect.stringMatching(/EPIPE|ECONNRESET/) });
  clearInterval(timer);
  await host.runtime.delete(container.id);
});

test('a reader that stops holds the writer up, and the monitor stays small', async () => {
  const container = await host.create(['sh', '-c', 'dd if=/dev/zero bs=1M count=1024 2>/dev/null; echo end >&2']);
  await container.start();
  const errors = text(container.stderr);
  const before = proportionalKiB(container.monitorPid);
  await sleep(300);
  expect(proportionalKiB(container.monitorPid)).toBeLessThan(1024);
  let bytes = 0;
  let peak = before;
  for await (const chunk of container.stdout ?? []) {
    bytes += (chunk as Buffer).length;
    if (bytes % (64 * MiB) < 65_536) peak = Math.max(peak, proportionalKiB(container.monitorPid));
  }
  expect(bytes).toBe(1024 * MiB);
  expect(peak).toBeLessThan(1024);
  expect(await errors).toBe('end\n');
  await container.wait();
  await host.runtime.delete(container.id);
});

test('output to a reader that has gone is dropped and the program goes on to its end', async () => {
  const program = ['sh', '-c', 'dd if=/dev/zero bs=1M count=64 2>/dev/null && exit 5'];
  const container = await host.create(program, { request: { dieWithParent: false } });
  await container.start();
  container.stderr?.resume();
  container.stdout?.destroy();
  expect(await container.wait()).toMatchObject({ exitCode: 5 });
  await host.runtime.delete(container.id);
});

test('in a pipeline a program ends with its reader: yes | head -n 1', async () => {
  const container = await host.create(['yes']);
  await container.start();
  container.stderr?.resume();
  await once(container.stdout as Readable, 'data');
  container.stdout?.destroy();
  // The first process of a pid namespace is not killed by SIGPIPE: it sees EPIPE.
  expect(await container.wait()).toMatchObject({ exitCode: 1 });
  await host.runtime.delete(container.id);
});

test('the last bytes arrive, for a slow reader too', async () => {
  const container = await host.create(['sh', '-c', 'head -c 300000 /dev/zero; printf last']);
  await container.start();
  container.stderr?.resume();
  await sleep(300);
  const parts: Buffer[] = [];
  for await (const chunk of container.stdout ?? []) {
    parts.push(chunk as Buffer);
    await sleep(20);
  }
  const all = Buffer.concat(parts);
  expect(all.length).toBe(300_004);
  expect(all.subarray(-4).toString()).toBe('last');
  await container.wait();
  await host.runtime.delete(container.id);
});

test('a process that outlives the first one in a shared pid namespace does not hold the exit up, and is killed by delete', async () => {
  const container = await host.create(['sh', '-c', 'sleep 1000 & echo left'], { namespaces: ['mount'] });
  const output = text(container.stdout);
  container.stderr?.resume();
  await container.start();
  expect(await container.wait()).toMatchObject({ exitCode: 0 });
  expect(await output).toBe('left\n');
  await host.runtime.delete(container.id);
});

test.each([0, 1000])('/dev/stdout, /dev/stderr and /dev/stdin can be opened by user %i', async (uid) => {
  const script = 'echo out >/proc/self/fd/1; echo err >/proc/self/fd/2; cat /proc/self/fd/0';
  const container = await host.create(['sh', '-c', script], { uid, stdio: { stdin: 'pipe' } });
  const output = Promise.all([text(container.stdout), text(container.stderr)]);
  await container.start();
  container.stdin?.end('in\n');
  expect(await output).toEqual(['out\nin\n', 'err\n']);
  expect(await container.wait()).toMatchObject({ exitCode: 0 });
  await host.runtime.delete(container.id);
});

test('descriptors are used as they are: files in and out', async () => {
  const [input, output] = [path.join(host.folder, 'input'), path.join(host.folder, 'output')];
  const { writeFileSync } = await import('node:fs');
  writeFileSync(input, 'from a file\n');
  writeFileSync(output, 'kept\n');
  const fds = [openSync(input, 'r'), openSync(output, 'a')] as const;
  const status = await host.run(['sh', '-c', 'cat; echo err >&2'], { stdio: { stdin: fds[0], stdout: fds[1], stderr: fds[1] } });
  for (const fd of fds) closeSync(fd);
  expect(status.exitCode).toBe(0);
  const lines = readFileSync(output, 'utf8').split('\n');
  expect(lines.slice(0, 1)).toEqual(['kept']);
  expect(lines.slice(1).sort()).toEqual(['', 'err', 'from a file']);
});

function proportionalKiB(pid: number): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]);
}
