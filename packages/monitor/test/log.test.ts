import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Bench } from './bench.ts';

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench[Symbol.asyncDispose]());

const large = { maxBytes: 1 << 30, maxFiles: 1 };

/** Lines of one stream put together again. */
function contents(stream: string): string {
  const lines = bench.log().filter(([name]) => name === stream);
  return lines.map(([, tag, text]) => (tag === 'F' ? `${text}\n` : text)).join('');
}

async function logged(script: string, log = large): Promise<void> {
  const monitor = await bench.run(script, { supervision: bench.supervision({ log }) });
  await monitor.exited;
}

test('each line has its time, stream and tag', async () => {
  await logged('echo one; echo; echo error >&2; printf "no end"');
  expect(bench.log().sort((a, b) => a.join().localeCompare(b.join()))).toEqual([
    ['stderr', 'F', 'error'],
    ['stdout', 'F', ''],
    ['stdout', 'F', 'one'],
    ['stdout', 'P', 'no end'],
  ]);
  expect(statSync(path.join(bench.record, 'log')).mode & 0o777).toBe(0o600);
});

test('binary bytes and lines longer than 16 KiB come whole', async () => {
  const data = Buffer.concat([randomBytes(300_000), Buffer.alloc(100_000, 'x'), randomBytes(1000)]);
  writeFileSync(path.join(bench.folder, 'data'), data);
  await logged('cat data');
  expect(contents('stdout') === data.toString('latin1')).toBe(true);
  expect(Math.max(...bench.log().map(([, , text]) => text.length))).toBe(16_384);
});

test.each([16_383, 16_384, 16_385, 32_768])('a line of %i bytes is cut after 16 KiB only when it goes on', async (length) => {
  await logged(`head -c ${length} /dev/zero | tr '\\0' a; echo; echo next`);
  const sizes = bench.log().map(([, tag, text]) => `${tag}${text.length}`);
  const whole = Math.floor((length - 1) / 16_384);
  expect(sizes).toEqual([...Array(whole).fill('P16384'), `F${length - whole * 16_384}`, 'F4']);
});

test('single bytes make one line', async () => {
  await logged('i=0; while [ $i -lt 300 ]; do printf x; i=$((i+1)); done; echo');
  expect(bench.log()).toEqual([['stdout', 'F', 'x'.repeat(300)]]);
});

test('files are rotated by size, and only so many are kept', async () => {
  await logged('i=0; while [ $i -lt 2000 ]; do echo "line $i"; i=$((i+1)); done', { maxBytes: 10_000, maxFiles: 3 });
  const names = readdirSync(bench.record).filter((name) => name.startsWith('log'));
  expect(names.sort()).toEqual(['log', 'log.1', 'log.2']);
  for (const name of names) expect(statSync(path.join(bench.record, name)).size).toBeLessThanOrEqual(10_000);
  const lines = bench.log().map(([, , text]) => text);
  expect(lines.at(-1)).toBe('line 1999');
  const first = Number(lines[0]?.split(' ')[1]);
  expect(lines).toEqual(Array.from({ length: 2000 - first }, (_, i) => `line ${first + i}`));
});

test('with one file the old one makes room for the new', async () => {
  await logged('i=0; while [ $i -lt 500 ]; do echo "line $i"; i=$((i+1)); done', { maxBytes: 2000, maxFiles: 1 });
  expect(readdirSync(bench.record).filter((name) => name.startsWith('log'))).toEqual(['log']);
  expect(bench.log().at(-1)?.[2]).toBe('line 499');
});

test('a line larger than a file may be has a file of its own', async () => {
  await logged("head -c 5000 /dev/zero | tr '\\0' a; echo; echo b", { maxBytes: 100, maxFiles: 5 });
  expect(bench.log().map(([, , text]) => text.length)).toEqual([5000, 1]);
});

test('half a line of a monitor that was killed does not spoil the next', async () => {
  writeFileSync(path.join(bench.record, 'log'), '2026-01-01T00:00:00.000000000Z stdout F ha');
  await logged('echo whole');
  expect(bench.log().map(([, , text]) => text)).toEqual(['ha', 'whole']);
});

test('a full disk costs lines and not the container, and lines stay whole', async () => {
  const small = path.join(bench.folder, 'small');
  mkdirSync(small);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', small]);
  try {
    const script = 'i=0; while [ $i -lt 5000 ]; do echo "line $i"; i=$((i+1)); done; exit 6';
    const monitor = await bench.run(script, { supervision: { directory: small, log: large } });
    expect(await monitor.exited).toMatchObject({ exitCode: 6 });
    const text = readFileSync(path.join(small, 'log'), 'latin1');
    expect(text.endsWith('\n')).toBe(true);
    for (const line of text.trimEnd().split('\n')) expect(line).toMatch(/^2\S+Z stdout F line \d+$/);
  } finally {
    execFileSync('umount', ['-l', small]);
  }
});

test('200 MB through the log stay within the files, and the monitor small', async () => {
  const monitor = await bench.run('yes 0123456789 | head -c 200000000', {
    supervision: bench.supervision({ log: { maxBytes: 1_000_000, maxFiles: 2 } }),
  });
  let peak = 0;
  const timer = setInterval(() => {
    const rollup = readFileSync(`/proc/${monitor.pid}/smaps_rollup`, 'utf8');
    peak = Math.max(peak, Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]));
  }, 50);
  await monitor.exited.finally(() => clearInterval(timer));
  expect(peak).toBeLessThan(1024);
  expect(statSync(path.join(bench.record, 'log')).size).toBeLessThanOrEqual(1_000_000);
});
