import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryFolder } from './open-store.ts';

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

function folderOfTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

test.each([1000, 5_000_000])('%i bytes: written, synced, renamed, folder synced, acknowledged, in this order', (size) => {
  const root = folderOfTest();
  const log = join(root, 'trace');
  const calls = 'trace=pwrite64,write,fsync,fdatasync,renameat2,rename';
  execFileSync('strace', ['-f', '-y', '-e', calls, '-o', log, process.execPath, file('child.ts'), root, String(size)]);
  const lines = readFileSync(log, 'utf8').split('\n');
  const first = (...patterns: readonly RegExp[]): number =>
    lines.findIndex((line) => patterns.every((pattern) => pattern.test(line)));
  const last = (...patterns: readonly RegExp[]): number =>
    lines.findLastIndex((line) => patterns.every((pattern) => pattern.test(line)));
  // A call that another thread interrupts is logged in two lines; the first one tells when it began, which is what counts
  // for the call after, and a later line that it ended.
  const order = [
    last(/pwrite64\(/, /ingest\/[0-9a-f]{64}\/data>/),
    first(/fsync\(/, /ingest\/[0-9a-f]{64}\/data>/),
    first(/renameat2?\(/, /blobs\/sha256/),
    first(/fsync\(/, /blobs\/sha256>/, /\d+<[^>]*>/),
    first(/fsync\(/, /ingest\/[0-9a-f]{64}>/),
    last(/write\(1/, /sha256:/),
  ];
  // The first fsync of the blobs' folder must be the one after the rename.
  expect(order.every((index) => index >= 0)).toBe(true);
  expect([...order].sort((a, b) => a - b)).toEqual(order);
});

test('one that is resumed and two beside it: each is synced between its last write and its name', () => {
  const root = folderOfTest();
  const log = join(root, 'trace');
  const calls = 'trace=pwrite64,fsync,fdatasync,renameat2,rename';
  execFileSync(process.execPath, [file('trace-child.ts'), root, 'part']);
  execFileSync('strace', ['-f', '-y', '-e', calls, '-o', log, process.execPath, file('trace-child.ts'), root, 'rest']);
  const lines = readFileSync(log, 'utf8').split('\n');
  const names = lines.flatMap((line, at) => {
    const [, data = '', to] = /renameat2?\(.*?"([^"]*\/data)".*?"([^"]*\/blobs\/[^"]*)"/.exec(line) ?? [];
    return to === undefined ? [] : [{ at, data }];
  });
  expect(names).toHaveLength(3);
  for (const { at, data } of names) {
    const written = lines.findLastIndex((line) => line.includes('pwrite64(') && line.includes(`${data}>`));
    const synced = lines.findIndex((line, index) => index > written && line.includes('fsync(') && line.includes(`${data}>`));
    const folder = lines.findIndex((line, index) => index > at && line.includes('fsync(') && line.includes('/blobs/sha256>'));
    expect(written).toBeGreaterThan(-1);
    expect([written, synced, at, folder].toSorted((a, b) => a - b)).toEqual([written, synced, at, folder]);
  }
});
