import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { linux } from '@slipway/linux';
import { defineTable } from '@slipway/plugin-api';
import { expect, onTestFinished, test } from 'vitest';
import { openEnvironment } from '../dist/environment.js';
import { openStore, temporaryFolder } from './open-store.ts';

const rows = defineTable('rows', (value: unknown) => value);
const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

function folderOfTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

/** A `store-child.ts`. */
function start(root: string, name: string, work: 'write' | 'open' | 'stop') {
  const child = spawn(process.execPath, [pathOf('store-child.ts'), root, name, work]);
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  let count = 0;
  let errors = '';
  child.stdout.on('data', (dots: Buffer) => {
    count += dots.length;
  });
  child.stderr.on('data', (text: Buffer) => {
    errors += text.toString();
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  return {
    /** Until it has done `more` of what it does. */
    async does(more: number): Promise<void> {
      const end = count + more;
      while (count < end && isRunning()) await sleep(5);
    },
    goOn: () => void child.kill('SIGCONT'),
    /** How it ended, and what it has lost. */
    async end(): Promise<readonly [code: number | null, signal: string | null, lost: string]> {
      child.stdin.end();
      return [...(await closed), errors];
    },
  };
}

const soundEnd = [0, null, ''];

test('a commit is not lost that was acknowledged while another process was halfway through opening the store', async () => {
  const root = folderOfTest();
  const { store, ...opened } = await openStore(root);
  await using _ = opened;
  const log = join(root, 'trace');
  writeFileSync(log, '');
  // Halfway: it has read the number of the newest transaction from the second meta page, and tells it to all after it has mapped the file.
  const delay = ['-e', 'trace=pread64,mmap', '-e', 'inject=mmap:delay_enter=2000000'];
  const strace = ['-f', '-o', log, '-P', join(root, 'data.mdb'), ...delay];
  let isOpen = false;
  const opening = promisify(execFile)('strace', [...strace, process.execPath, pathOf('migrate-child.ts'), root, '0']).finally(
    () => {
      isOpen = true;
    },
  );
  while (!isOpen && !readFileSync(log, 'utf8').includes(', 168, 4096)')) await sleep(5);
  expect(isOpen).toBe(false);
  await store.write((tx) => tx.put(rows, 'a', 1));
  await opening;
  expect(store.read((tx) => tx.get(rows, 'a'))).toBe(1);
  await store.write((tx) => tx.put(rows, 'b', 1));
  expect(store.read((tx) => [...tx.entries(rows)])).toEqual([
    ['a', 1],
    ['b', 1],
  ]);
});

test('processes that write without a pause and processes that open and close the store all get on, and lose nothing', async () => {
  const root = folderOfTest();
  const writers = [0, 1, 2].map((index) => start(root, `w${index}`, 'write'));
  await Promise.all(writers.map((child) => child.does(20)));
  const openers = [0, 1, 2].map((index) => start(root, `o${index}`, 'open'));
  await Promise.all(openers.map((child) => child.does(40)));
  await Promise.all(writers.map((child) => child.does(40)));
  for (const child of [...openers, ...writers]) expect(await child.end()).toEqual(soundEnd);
});

test('processes that each are the last one to close the store do not take it from those that open it', async () => {
  const root = folderOfTest();
  const openers = [0, 1, 2, 3].map((index) => start(root, `o${index}`, 'open'));
  await Promise.all(openers.map((child) => child.does(50)));
  for (const child of openers) expect(await child.end()).toEqual(soundEnd);
});

test('who closes the store knows that others use it, and does not destroy the mutexes of one that opens it', async () => {
  const root = folderOfTest();
  const log = join(root, 'trace');
  const strace = ['-f', '-o', log, '-P', join(root, 'data.mdb-lock'), '-e', 'trace=fcntl'];
  await promisify(execFile)('strace', [...strace, process.execPath, pathOf('migrate-child.ts'), root, '0']);
  // lmdb asks for the exclusive lock when it opens and again when it closes, and destroys them when it is granted.
  const asked = readFileSync(log, 'utf8').match(/F_SETLK, .*F_WRLCK.*l_start=0.*$/gm) ?? [];
  expect(asked.map((call) => call.includes(' = 0'))).toEqual([true, false]);
});

test('a process stays known to others as a reader and a writer when it opens the store twice and closes it once', async () => {
  const root = folderOfTest();
  const locksOf = (): number =>
    readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`:${statSync(join(root, 'data.mdb-lock')).ino} `)).length;
  await using first = await openEnvironment(root);
  first.rows.get(Buffer.from('a'));
  const before = locksOf();
  expect(before).toBeGreaterThan(1);
  await (await openEnvironment(root))[Symbol.asyncDispose]();
  expect(locksOf()).toBe(before);
});

test('while a process is stopped in a transaction, opening fails after a time and says so; then it works', async () => {
  const root = folderOfTest();
  const child = start(root, 's', 'stop');
  await child.does(1);
  const opened = openEnvironment(root, [], 500);
  await expect(opened).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'METADATA_LOCKED',
    message: expect.stringContaining(join(root, 'data.mdb')),
    hint: expect.stringContaining('stopped'),
  });
  child.goOn();
  await (await openEnvironment(root))[Symbol.asyncDispose]();
  expect(await child.end()).toEqual(soundEnd);
});

test('while a process is stopped that opens the store, writes wait; then they go on', async () => {
  const root = folderOfTest();
  const { store, ...opened } = await openStore(root);
  await using _ = opened;
  const gateFd = openSync(root, 'r');
  const order: number[] = [];
  try {
    expect(linux.tryFlock(gateFd, 'exclusive')).toBe(true);
    const written = [0, 1, 2].map((index) => store.write(() => order.push(index)));
    await sleep(100);
    expect(order).toEqual([]);
    expect(store.read((tx) => tx.get(rows, 'a'))).toBeUndefined();
    linux.unflock(gateFd);
    written.push(store.write(() => order.push(3)));
    await Promise.all(written);
    expect(order).toEqual([0, 1, 2, 3]);
  } finally {
    closeSync(gateFd);
  }
});

test('the store can be opened again while writes of this process are under way', async () => {
  const root = folderOfTest();
  await using first = await openStore(root);
  const written = Array.from({ length: 50 }, (_, index) => first.store.write((tx) => tx.put(rows, String(index), index)));
  await using second = await openStore(root);
  await Promise.all(written);
  expect(second.store.read((tx) => [...tx.entries(rows)].length)).toBe(50);
});
