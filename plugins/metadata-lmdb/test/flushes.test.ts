import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from './open-store.ts';

const writer = fileURLToPath(new URL('writer.ts', import.meta.url));

function folderOfTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

/** The system calls between the lines `begin` and `done` of a writer, all threads. */
function traced(root: string, mode: string): readonly string[] {
  const log = join(root, 'trace');
  const calls = 'trace=write,writev,pwrite64,pwritev,fdatasync,fsync,msync,openat';
  execFileSync('strace', ['-f', '-y', '-e', calls, '-o', log, process.execPath, writer, root, mode]);
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
