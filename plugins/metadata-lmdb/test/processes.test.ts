import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { defineTable } from '@slipway/plugin-api';
import { expect, onTestFinished, test } from 'vitest';
import { openStore, temporaryFolder } from './open-store.ts';

const writer = fileURLToPath(new URL('writer.ts', import.meta.url));
const rows = defineTable('rows', (value: unknown) => value);
const sums = defineTable('sums', (value: unknown): number => Number(value));

function folderOfTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

function start(...args: readonly string[]): { readonly child: ChildProcess; lines(): AsyncIterable<string> } {
  const child = spawn(process.execPath, [writer, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, lines: () => createInterface({ input: child.stdout }) };
}

test('kill -9 of several writers: what was acknowledged is there, nothing is there by half, others go on', async () => {
  const root = folderOfTest();
  const acknowledged = new Map<string, number>();
  for (let round = 0; round < 6; round++) {
    const names = [0, 1, 2].map((index) => `w${round}-${index}`);
    await Promise.all(
      names.map(async (name, index) => {
        const { child, lines } = start(root, name, 'forever');
        for await (const line of lines()) {
          acknowledged.set(name, Number(line));
          // Others may hold the lock or wait for it when one dies.
          if (Number(line) === 10 + 7 * index + round) child.kill('SIGKILL');
        }
      }),
    );
    await using opened = await openStore(root);
    opened.store.read((tx) => {
      const keys = [...tx.entries(rows)].map(([key]) => key);
      expect(tx.get(sums, 'rows')).toBe(keys.length);
      for (const [name, last] of acknowledged) {
        const mine = [...tx.entries(rows, { prefix: `${name}/` })].map(([key]) => key);
        expect(mine.length % 2).toBe(0);
        expect(mine.length / 2).toBeGreaterThanOrEqual(last + 1);
        expect(mine.length / 2).toBeLessThanOrEqual(last + 2);
      }
    });
  }
});

test('eight processes that open a new root at the same moment share one database', async () => {
  const root = folderOfTest();
  const children = Array.from({ length: 8 }, (_, index) => start(root, `n${index}`, 'once').child);
  await Promise.all(children.map(async (child) => expect(await once(child, 'exit')).toEqual([0, null])));
  await using opened = await openStore(root);
  expect(opened.store.read((tx) => [...tx.entries(rows)].length)).toBe(8);
});

test('a read sees one state throughout, and the next one what another process committed meanwhile', async () => {
  const root = folderOfTest();
  await using opened = await openStore(root);
  const other = () => execFileSync(process.execPath, [writer, root, 'other', 'once']);
  opened.store.read((tx) => {
    expect(tx.get(rows, 'other')).toBeUndefined();
    other();
    expect(tx.get(rows, 'other')).toBeUndefined();
    expect([...tx.entries(rows)]).toEqual([]);
    // In the same turn of the event loop, while the older state is still being read.
    expect(opened.store.read((fresh) => fresh.get(rows, 'other'))).toBe(1);
    expect(tx.get(rows, 'other')).toBeUndefined();
  });
  expect(opened.store.read((tx) => tx.get(rows, 'other'))).toBe(1);
});

test('while a stopped process holds the lock, reads and the event loop go on, and the write waits', async () => {
  const root = folderOfTest();
  await using opened = await openStore(root);
  const { child, lines } = start(root, 'stopper', 'stop');
  const output = lines()[Symbol.asyncIterator]();
  expect((await output.next()).value).toBe('stopped');
  let written = false;
  const write = opened.store
    .write((tx) => tx.get(rows, 'stopper'))
    .then((seen) => {
      written = true;
      return seen;
    });
  for (let turn = 0; turn < 20; turn++) {
    await sleep(5);
    expect(opened.store.read((tx) => tx.get(rows, 'stopper'))).toBeUndefined();
  }
  expect(written).toBe(false);
  child.kill('SIGCONT');
  expect(await write).toBe(1);
  expect((await output.next()).value).toBe('done');
});

test('a process killed while it holds the lock loses only its own write', async () => {
  const root = folderOfTest();
  await using opened = await openStore(root);
  const { child, lines } = start(root, 'stopper', 'stop');
  const output = lines()[Symbol.asyncIterator]();
  expect((await output.next()).value).toBe('stopped');
  const write = opened.store.write((tx) => {
    tx.put(rows, 'mine', 1);
    return tx.get(rows, 'stopper');
  });
  child.kill('SIGKILL');
  expect(await write).toBeUndefined();
  expect(opened.store.read((tx) => [...tx.entries(rows)])).toEqual([['mine', 1]]);
});

test('a child process inherits no descriptor of the store', async () => {
  await using opened = await openStore(folderOfTest());
  await opened.store.write((tx) => tx.put(rows, 'a', 1));
  expect(execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' })).not.toContain('.mdb');
});

/** The system calls between the lines `begin` and `done` of a writer, all threads. */
function traced(root: string, mode: string): readonly string[] {
  const log = join(root, 'trace');
  const calls = 'trace=write,writev,pwrite64,pwritev,fdatasync,fsync,msync,openat';
  execFileSync('strace', ['-f', '-y', '-e', calls, '-o', log, process.execPath, writer, root, 'x', mode]);
  const lines = readFileSync(log, 'utf8').split('\n');
  const begin = lines.findIndex((line) => line.includes('"begin\\n"'));
  const done = lines.findIndex((line) => line.includes('"done\\n"'));
  expect(begin).toBeGreaterThan(0);
  expect(done).toBeGreaterThan(begin);
  return lines.slice(begin + 1, done);
}

test('the pages are on disk before the meta page, and the meta page before the promise fulfils', async () => {
  const root = folderOfTest();
  const calls = traced(root, 'once').filter((line) => line.includes('data.mdb'));
  const kinds = calls.flatMap((line) => /\b(pwrite64|pwritev|writev|write|fdatasync|fsync|msync)\(/.exec(line)?.[1] ?? []);
  const lastSync = kinds.findLastIndex((kind) => kind === 'fdatasync' || kind === 'fsync' || kind === 'msync');
  const metaWrite = kinds.findLastIndex((kind) => kind.includes('write'));
  expect(lastSync).toBeGreaterThan(0);
  // lmdb writes the meta page either through a descriptor opened O_DSYNC after the sync of the pages, or before a sync of its own.
  const dsync = readFileSync(join(root, 'trace'), 'utf8')
    .split('\n')
    .some((line) => line.includes('data.mdb"') && line.includes('O_DSYNC'));
  if (metaWrite > lastSync) expect(dsync).toBe(true);
  expect(kinds.slice(0, lastSync).some((kind) => kind.includes('write'))).toBe(true);
});

test('a hundred writes at once share a few flushes', () => {
  const syncs = traced(folderOfTest(), 'together').filter((line) => /\b(fdatasync|fsync|msync)\(/.test(line));
  expect(syncs.length).toBeGreaterThan(0);
  expect(syncs.length).toBeLessThan(20);
});
