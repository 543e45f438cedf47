import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { defineTable, isSlipwayError, type SlipwayError } from '@slipway/plugin-api';
import { open } from 'lmdb';
import { describe, expect, onTestFinished, test } from 'vitest';
import { requireLocalFileSystem } from '../dist/file-system.js';
import { requireFormat, writeFormat } from '../dist/format.js';
import { openStore, temporaryFolder } from './open-store.ts';

const blobs = defineTable('blobs', (value: unknown) => value);

function folderOfTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

async function failure(promise: Promise<unknown>): Promise<SlipwayError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isSlipwayError(error)) throw new Error(`found ${String(error)}, expected a SlipwayError`);
  return error;
}

function openRaw(root: string) {
  return open<Buffer, Buffer>({
    path: join(root, 'data.mdb'),
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  });
}

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** A store with rows of all sizes, over many pages. */
async function filled(root: string): Promise<string> {
  await using opened = await openStore(root);
  await opened.store.write((tx) => {
    for (let index = 0; index < 500; index++) tx.put(blobs, `k${index}`, 'x'.repeat(index * 20));
  });
  return join(root, 'data.mdb');
}

describe('opening', () => {
  test('makes files that only the owner can read', async () => {
    const root = folderOfTest();
    const path = await filled(root);
    expect(readdirSync(root).sort()).toEqual(['data.mdb', 'data.mdb-lock']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-lock`).mode & 0o777).toBe(0o600);
  });

  test('a file that is no database is data-loss, and is left as it is', async () => {
    for (const content of ['', 'not a database', 'x'.repeat(100_000)]) {
      const root = folderOfTest();
      const path = join(root, 'data.mdb');
      writeFileSync(path, content);
      const error = await failure(openStore(root));
      expect(error).toMatchObject({ kind: 'data-loss', code: 'METADATA_NOT_A_DATABASE' });
      expect(error.message).toContain(path);
      expect(error.hint).toContain('slipway system rebuild');
      expect(readFileSync(path, 'utf8')).toBe(content);
    }
  });

  test('a truncated file is data-loss wherever it was cut, and is left as it is', async () => {
    const root = folderOfTest();
    const path = await filled(root);
    const { size } = statSync(path);
    for (const kept of [0, 100, 4096, 8192, 12_288, size / 2, size - 40_960]) {
      const damaged = folderOfTest();
      copyFileSync(path, join(damaged, 'data.mdb'));
      truncateSync(join(damaged, 'data.mdb'), kept);
      const before = hashOf(join(damaged, 'data.mdb'));
      const error = await failure(openStore(damaged));
      expect(error.kind).toBe('data-loss');
      expect(error.code).toBe(kept < 8192 ? 'METADATA_NOT_A_DATABASE' : 'METADATA_TRUNCATED');
      expect(hashOf(join(damaged, 'data.mdb'))).toBe(before);
    }
  });

  test.each([
    { what: 'zeros', fill: 0 },
    { what: 'junk', fill: 0xa5 },
  ])('a page in use that was overwritten with $what is data-loss', async ({ fill }) => {
    const root = folderOfTest();
    const path = await filled(root);
    const bytes = readFileSync(path);
    let refused = 0;
    // All kinds of pages are among them; opening each takes its time.
    for (let page = 0; page * 4096 < bytes.length; page += page < 30 ? 1 : 17) {
      const damaged = Buffer.from(bytes);
      damaged.fill(fill, page * 4096, (page + 1) * 4096);
      const folder = folderOfTest();
      writeFileSync(join(folder, 'data.mdb'), damaged);
      try {
        // A page that is free, or that holds nothing but bytes of a value, is no part of what the trees are made of.
        await using opened = await openStore(folder);
        opened.store.read((tx) => [...tx.entries(blobs)].length);
      } catch (error) {
        refused++;
        expect(error).toMatchObject({ kind: 'data-loss', code: expect.stringContaining('METADATA_') });
        expect(readFileSync(join(folder, 'data.mdb')).equals(damaged)).toBe(true);
      }
    }
    expect(refused).toBeGreaterThan(20);
  });

  test('a file that is short only by free pages opens', async () => {
    const root = folderOfTest();
    const path = await filled(root);
    {
      await using opened = await openStore(root);
      await opened.store.write((tx) => {
        for (let index = 0; index < 500; index++) tx.delete(blobs, `k${index}`);
        for (let index = 0; index < 50; index++) tx.put(blobs, `n${index}`, 'y'.repeat(300));
      });
      await opened.store.write((tx) => tx.put(blobs, 'last', 'z'));
    }
    // What is behind the last page in use may be missing: the walk must say so and not guess by the size.
    for (let size = statSync(path).size - 4096; ; size -= 4096) {
      truncateSync(path, size);
      const error = await openStore(root).then(
        async (opened) => {
          expect(opened.store.read((tx) => [...tx.entries(blobs)].length)).toBe(51);
          await opened[Symbol.asyncDispose]();
        },
        (reason: unknown) => reason,
      );
      if (error === undefined) continue;
      expect(error).toMatchObject({ code: 'METADATA_TRUNCATED' });
      break;
    }
  });

  test('a database of a newer format is refused and not touched', async () => {
    const root = folderOfTest();
    const path = await filled(root);
    const raw = openRaw(root);
    await raw.put(Buffer.from('\0format'), Buffer.from('{"format":2}'));
    await raw.close();
    const before = hashOf(path);
    const error = await failure(openStore(root));
    expect(error).toMatchObject({
      kind: 'failed-precondition',
      code: 'METADATA_FORMAT_NEWER',
      details: { found: 2, expected: 1 },
    });
    expect(hashOf(path)).toBe(before);
  });

  test('a database without a format, or with a damaged one, is data-loss', async () => {
    for (const value of [undefined, '', '{', '{"format":0}', '{"format":"1"}', 'null']) {
      const root = folderOfTest();
      await filled(root);
      const raw = openRaw(root);
      if (value === undefined) await raw.remove(Buffer.from('\0format'));
      else await raw.put(Buffer.from('\0format'), Buffer.from(value));
      await raw.close();
      expect(await failure(openStore(root))).toMatchObject({ kind: 'data-loss', code: 'METADATA_FORMAT_UNKNOWN' });
    }
  });

  test('an older format is migrated step by step, in one transaction', async () => {
    const root = folderOfTest();
    await filled(root);
    const raw = openRaw(root);
    const seen: string[] = [];
    const path = join(root, 'data.mdb');
    const failing = () =>
      requireFormat(raw, path, [
        () => seen.push('1 to 2'),
        () => {
          throw new Error('mine');
        },
      ]);
    expect(failing).toThrow('mine');
    writeFormatAgain();
    expect(seen).toEqual(['1 to 2']);
    requireFormat(raw, path, [() => seen.push('again 1 to 2'), () => seen.push('2 to 3')]);
    requireFormat(raw, path, [() => seen.push('never'), () => seen.push('never')]);
    expect(seen).toEqual(['1 to 2', 'again 1 to 2', '2 to 3']);
    expect(String(raw.get(Buffer.from('\0format')))).toBe('{"format":3}');
    await raw.close();

    function writeFormatAgain(): void {
      expect(String(raw.get(Buffer.from('\0format')))).toBe('{"format":1}');
      raw.transactionSync(() => writeFormat(raw));
    }
  });

  test('file systems that other machines share are refused', () => {
    for (const type of [0x6969, 0xff534d42, -0xacb2be, 0x01021997, 0x65735546]) {
      const refused = () => requireLocalFileSystem('/somewhere', type);
      expect(refused).toThrow(expect.objectContaining({ kind: 'failed-precondition', code: 'METADATA_NOT_LOCAL' }));
    }
    for (const type of [0xef53, 0x58465342, 0x9123683e, 0x01021994]) requireLocalFileSystem('/somewhere', type);
  });

  test('what a creator left behind is swept', async () => {
    const root = folderOfTest();
    await filled(root);
    mkdirSync(join(root, 'new-dead'));
    writeFileSync(join(root, 'new-dead', 'data.mdb'), '');
    await filled(root);
    expect(existsSync(join(root, 'new-dead'))).toBe(false);
  });
});

describe('writing', () => {
  test('refuses values that JSON would change in silence', async () => {
    await using opened = await openStore(folderOfTest());
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const values = [
      undefined,
      Number.NaN,
      { n: Number.POSITIVE_INFINITY },
      [undefined],
      new Map(),
      new Date(),
      1n,
      () => {},
      Buffer.of(1),
      cycle,
    ];
    for (const value of values) {
      const error = await failure(opened.store.write((tx) => tx.put(blobs, 'k', value)));
      expect(error).toMatchObject({ kind: 'invalid-argument', code: 'METADATA_VALUE_INVALID' });
    }
    expect(opened.store.read((tx) => tx.get(blobs, 'k'))).toBeUndefined();
  });

  test('a row that is no JSON is data-loss', async () => {
    const root = folderOfTest();
    await filled(root);
    const raw = openRaw(root);
    await raw.put(Buffer.from('blobs\0bad'), Buffer.from('{'));
    await raw.close();
    await using opened = await openStore(root);
    const read = () => opened.store.read((tx) => tx.get(blobs, 'bad'));
    expect(read).toThrow(
      expect.objectContaining({ kind: 'data-loss', code: 'METADATA_VALUE_CORRUPT', details: { table: 'blobs', key: 'bad' } }),
    );
    expect(opened.store.read((tx) => tx.get(blobs, 'k1'))).toBe('x'.repeat(20));
  });

  test('on a read-only file system it cannot be opened, and the error says what helps', async () => {
    const root = folderOfTest();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', root]);
    try {
      await (await openStore(root))[Symbol.asyncDispose]();
      execFileSync('mount', ['-o', 'remount,ro', root]);
      await expect(openStore(root)).rejects.toMatchObject({
        kind: 'failed-precondition',
        code: 'METADATA_READ_ONLY',
        hint: expect.stringContaining('mount it writable'),
      });
    } finally {
      execFileSync('umount', [root]);
    }
  });

  test('a full disk rejects, changes nothing, and writing goes on when there is room', async () => {
    const root = folderOfTest();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', root]);
    try {
      await using opened = await openStore(root);
      await opened.store.write((tx) => tx.put(blobs, 'before', 1));
      // Several in flight: every promise of the failed batch must reject, and none be left unhandled.
      const big = 'x'.repeat(400_000);
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, index) => opened.store.write((tx) => tx.put(blobs, `big${index}`, big))),
      );
      for (const result of results) {
        expect(result).toMatchObject({ status: 'rejected', reason: { kind: 'resource-exhausted', code: 'METADATA_DISK_FULL' } });
      }
      expect(opened.store.read((tx) => [...tx.entries(blobs)])).toEqual([['before', 1]]);
      execFileSync('mount', ['-o', 'remount,size=20m', root]);
      await opened.store.write((tx) => tx.put(blobs, 'big', big));
      expect(opened.store.read((tx) => tx.get(blobs, 'big'))).toBe(big);
    } finally {
      execFileSync('umount', [root]);
    }
  });

  test('on a full disk puts are refused before lmdb fails, and rows can be deleted', async () => {
    const root = folderOfTest();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', root]);
    try {
      await using opened = await openStore(root);
      const { store } = opened;
      for (let batch = 0; batch < 50; batch++) {
        await store.write((tx) => {
          for (let index = 0; index < 20; index++) tx.put(blobs, `${batch}/${index}`, 'x'.repeat(500));
        });
      }
      const fill = () => writeFileSync(join(root, 'fill'), Buffer.alloc(4 * 1024 * 1024));
      expect(fill).toThrow('ENOSPC');
      for (let round = 0; round < 100; round++) {
        const error = await failure(store.write((tx) => tx.put(blobs, 'more', 1)));
        expect(error).toMatchObject({ kind: 'resource-exhausted', code: 'METADATA_DISK_FULL' });
      }
      for (let batch = 0; batch < 50; batch++) {
        await store.write((tx) => {
          for (const [key] of tx.entries(blobs, { prefix: `${batch}/` })) tx.delete(blobs, key);
        });
      }
      expect(store.read((tx) => [...tx.entries(blobs)])).toEqual([]);
      rmSync(join(root, 'fill'));
      await store.write((tx) => tx.put(blobs, 'more', 1));
    } finally {
      execFileSync('umount', [root]);
    }
  });

  test('on a full disk rows can be marked for their deletion, round after round', async () => {
    const root = folderOfTest();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', root]);
    try {
      await using opened = await openStore(root);
      const { store } = opened;
      await store.write((tx) => {
        for (let index = 0; index < 500; index++) tx.put(blobs, String(index), 'x'.repeat(200));
      });
      expect(() => writeFileSync(join(root, 'fill'), Buffer.alloc(4 * 1024 * 1024))).toThrow('ENOSPC');
      for (let round = 0; round < 100; round++) {
        await store.write((tx) => {
          for (let index = 0; index < 500; index += 5)
            tx.put(blobs, String(index), `${'x'.repeat(200)} marked in round ${round}`);
        });
      }
      const added = failure(store.write((tx) => tx.put(blobs, 'more', 1)));
      expect(await added).toMatchObject({ kind: 'resource-exhausted', code: 'METADATA_DISK_FULL' });
      await store.write((tx) => {
        for (let index = 0; index < 500; index++) tx.delete(blobs, String(index));
      });
      expect(store.read((tx) => [...tx.entries(blobs)])).toEqual([]);
    } finally {
      execFileSync('umount', [root]);
    }
  });

  test('a lock file that is missing on a full disk is an error, not the end of the process', async () => {
    const root = folderOfTest();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', root]);
    try {
      await filled(root).catch(() => {});
      rmSync(join(root, 'data.mdb-lock'));
      expect(() => writeFileSync(join(root, 'fill'), Buffer.alloc(4 * 1024 * 1024))).toThrow('ENOSPC');
      expect(await failure(openStore(root))).toMatchObject({ kind: 'resource-exhausted', code: 'SYSTEM_ENOSPC' });
      expect(existsSync(join(root, 'data.mdb-lock'))).toBe(false);
      rmSync(join(root, 'fill'));
      await (await openStore(root))[Symbol.asyncDispose]();
    } finally {
      execFileSync('umount', [root]);
    }
  });

  test('a read inside a write callback is refused', async () => {
    await using opened = await openStore(folderOfTest());
    const nested = opened.store.write(() => opened.store.read(() => 1));
    expect(await failure(nested)).toMatchObject({ kind: 'failed-precondition', code: 'METADATA_READ_IN_WRITE' });
    expect(opened.store.read(() => 1)).toBe(1);
  });

  test('grows to 200 MB', async () => {
    await using opened = await openStore(folderOfTest());
    const row = 'x'.repeat(1_000_000);
    for (let batch = 0; batch < 10; batch++) {
      await opened.store.write((tx) => {
        for (let index = 0; index < 20; index++) tx.put(blobs, `${batch}/${index}`, row);
      });
    }
    expect(opened.store.read((tx) => [...tx.entries(blobs)].length)).toBe(200);
  });
});

describe('closing', () => {
  const openFiles = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).includes('slipway-metadata-');
      } catch {
        return false;
      }
    }).length;

  test('leaves no descriptor and no map, waits for writes in flight, twice is once', async () => {
    const root = folderOfTest();
    const opened = await openStore(root);
    expect(openFiles()).toBeGreaterThan(0);
    const inFlight = opened.store.write((tx) => tx.put(blobs, 'a', 1));
    await Promise.resolve();
    await opened[Symbol.asyncDispose]();
    await opened[Symbol.asyncDispose]();
    await inFlight;
    expect(openFiles()).toBe(0);
    expect(readFileSync('/proc/self/maps', 'utf8')).not.toContain(root);
    expect(() => opened.store.read(() => 1)).toThrow(expect.objectContaining({ code: 'METADATA_CLOSED' }));
    expect(await failure(opened.store.write(() => 1))).toMatchObject({ kind: 'failed-precondition', code: 'METADATA_CLOSED' });
    await using again = await openStore(root);
    expect(again.store.read((tx) => tx.get(blobs, 'a'))).toBe(1);
  });

  test('two stores of one process on one root: closing one leaves the other working', async () => {
    const root = folderOfTest();
    await using first = await openStore(root);
    {
      await using second = await openStore(root);
      await second.store.write((tx) => tx.put(blobs, 'a', 1));
      expect(first.store.read((tx) => tx.get(blobs, 'a'))).toBe(1);
    }
    await first.store.write((tx) => tx.put(blobs, 'b', 2));
    expect(first.store.read((tx) => [...tx.entries(blobs)])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });
});
