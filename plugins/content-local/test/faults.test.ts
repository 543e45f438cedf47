import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openStore, temporaryFolder } from './open-store.ts';

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

function folderOfTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

describe('a full disk', () => {
  test.each([1_900_000, 10_000_000])(
    '%i bytes: the write or the commit says so, and it works when there is room',
    async (size) => {
      const root = folderOfTest();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', root]);
      try {
        await using opened = await openStore(root);
        const { store } = opened;
        const content = Buffer.alloc(size, 'xyz');
        const expected = { digest: digestOf(content), size };
        const fill = async (): Promise<void> => {
          await using writer = await store.writer({ ref: 'r', expected });
          for (let at = writer.status().offset; at < size; at += 50_000) await writer.write(content.subarray(at, at + 50_000));
          await writer.commit();
        };
        await expect(fill()).rejects.toMatchObject({ kind: 'resource-exhausted', code: 'SYSTEM_ENOSPC' });
        await expect(store.info(expected.digest)).rejects.toMatchObject({ kind: 'not-found' });
        await expect(fill()).rejects.toMatchObject({ kind: 'resource-exhausted' });
        execFileSync('mount', ['-o', 'remount,size=30m', root]);
        await fill();
        expect((await store.info(expected.digest)).size).toBe(size);
        expect(await store.listStatuses()).toEqual([]);
      } finally {
        execFileSync('umount', [root]);
      }
    },
  );

  test('dropping an ingest works and frees the room', async () => {
    const root = folderOfTest();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', root]);
    try {
      await using opened = await openStore(root);
      const writer = await opened.store.writer({ ref: 'r' });
      await expect(writer.write(Buffer.alloc(20_000_000))).rejects.toMatchObject({ kind: 'resource-exhausted' });
      await expect(writer.write(Buffer.alloc(1))).rejects.toMatchObject({ kind: 'resource-exhausted' });
      await writer.close();
      await opened.store.abort('r');
      const next = await opened.store.writer({ ref: 's' });
      await next.write(Buffer.alloc(1_000_000));
      await next.commit();
    } finally {
      execFileSync('umount', [root]);
    }
  });
});

test('a piece after a failed one is not written in its place', async () => {
  const root = folderOfTest();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', root]);
  try {
    await using opened = await openStore(root);
    const content = Buffer.concat(Array.from({ length: 8 }, (_, index) => Buffer.alloc(1024 * 1024, index + 1)));
    const writer = await opened.store.writer({ ref: 'r' });
    await writer.write(content).catch(() => {});
    await writer.close();
    const [name = ''] = readdirSync(join(root, 'ingest'));
    const kept = readFileSync(join(root, 'ingest', name, 'data'));
    expect(kept.length).toBeGreaterThan(1024 * 1024);
    expect(kept.equals(content.subarray(0, kept.length))).toBe(true);
  } finally {
    execFileSync('umount', [root]);
  }
});

test('junk in the folders is not content', async () => {
  const root = folderOfTest();
  await using opened = await openStore(root);
  const { store } = opened;
  const writer = await store.writer({ ref: 'r' });
  await writer.write(Buffer.from('content'));
  const { digest } = await writer.commit();
  const blobs = join(root, 'blobs', 'sha256');
  for (const name of ['junk', 'A'.repeat(64), `${'a'.repeat(64)}.tmp`]) writeFileSync(join(blobs, name), 'x');
  mkdirSync(join(blobs, 'b'.repeat(64)));
  writeFileSync(join(root, 'ingest', 'junk'), 'x');
  mkdirSync(join(root, 'ingest', 'empty'));
  mkdirSync(join(root, 'ingest', 'c'.repeat(64)));
  writeFileSync(join(root, 'ingest', 'c'.repeat(64), 'meta'), JSON.stringify({ ref: 'of another folder', startedAt: '' }));
  const seen: string[] = [];
  for await (const info of store.walk()) seen.push(info.digest);
  expect(seen).toEqual([digest]);
  expect(await store.listStatuses()).toEqual([]);
  await expect(store.info(`sha256:${'b'.repeat(64)}`)).rejects.toMatchObject({ kind: 'not-found', code: 'CONTENT_NOT_FOUND' });
});

test('junk in the folder of an ingest goes with it', async () => {
  const root = folderOfTest();
  await using opened = await openStore(root);
  const writer = await opened.store.writer({ ref: 'r' });
  const [name = ''] = readdirSync(join(root, 'ingest'));
  mkdirSync(join(root, 'ingest', name, 'junk'));
  await writer.write(Buffer.from('content'));
  await writer.commit();
  expect(readdirSync(join(root, 'ingest'))).toEqual([]);
});

test('a record that a power loss made unreadable: the ingest begins anew', async () => {
  const root = folderOfTest();
  await using opened = await openStore(root);
  for (const meta of ['', '\0\0\0', '{}', 'null', '{"ref":"other","startedAt":""}']) {
    await (await opened.store.writer({ ref: 'r' })).close();
    const [name = ''] = readdirSync(join(root, 'ingest'));
    writeFileSync(join(root, 'ingest', name, 'data'), 'unknown bytes');
    writeFileSync(join(root, 'ingest', name, 'meta'), meta);
    const writer = await opened.store.writer({ ref: 'r' });
    expect(writer.status().offset).toBe(0);
    await writer.close();
    await opened.store.abort('r');
  }
});

test('a blob that was cut behind the store is data-loss on reading', async () => {
  const root = folderOfTest();
  await using opened = await openStore(root);
  const writer = await opened.store.writer({ ref: 'r' });
  await writer.write(Buffer.alloc(5000, 'x'));
  const { digest } = await writer.commit();
  await using reader = await opened.store.readerAt(digest);
  truncateSync(join(root, 'blobs', 'sha256', digest.slice(7)), 1000);
  await expect(reader.read(Buffer.alloc(5000), 0)).rejects.toMatchObject({ kind: 'data-loss', code: 'CONTENT_TRUNCATED' });
});

test('errors have stable codes', async () => {
  const root = folderOfTest();
  await using opened = await openStore(root);
  const { store } = opened;
  const bytes = Buffer.from('content');
  const fill = async (expected: { digest?: string; size?: number }): Promise<unknown> => {
    await using writer = await store.writer({ ref: 'r' });
    await writer.write(bytes);
    return await writer.commit(expected);
  };
  const absent = `sha256:${'0'.repeat(64)}`;
  await expect(fill({ size: 1 })).rejects.toMatchObject({ code: 'CONTENT_SIZE_MISMATCH', details: { expected: 1, found: 7 } });
  await expect(fill({ digest: absent })).rejects.toMatchObject({
    code: 'CONTENT_DIGEST_MISMATCH',
    details: { expected: absent },
  });
  await expect(fill({ digest: 'sha256:../../x' })).rejects.toMatchObject({ code: 'DIGEST_INVALID' });
  await fill({});
  await expect(fill({})).rejects.toMatchObject({ code: 'CONTENT_ALREADY_EXISTS' });
  await expect(store.update(digestOf(bytes), {})).rejects.toMatchObject({
    kind: 'unimplemented',
    code: 'CONTENT_LABELS_UNSUPPORTED',
  });
  await expect(store.update(absent, {})).rejects.toMatchObject({ kind: 'not-found' });
  await expect(store.abort('none')).rejects.toMatchObject({ code: 'CONTENT_INGEST_NOT_FOUND' });
  await expect(store.writer({ ref: 'r', expected: { digest: absent, size: 1.5 } })).rejects.toMatchObject({
    code: 'CONTENT_SIZE_INVALID',
  });
  await expect(store.writer({ ref: '' })).rejects.toMatchObject({ code: 'CONTENT_REF_INVALID' });
  expect(statSync(join(root, 'blobs', 'sha256', digestOf(bytes).slice(7))).mode & 0o777).toBe(0o444);
  for (const folder of ['blobs', 'ingest', 'blobs/sha256']) expect(statSync(join(root, folder)).mode & 0o777).toBe(0o700);
});

test('512 MiB go through in flat memory', async () => {
  const root = folderOfTest();
  await using opened = await openStore(root);
  const writer = await opened.store.writer({ ref: 'r' });
  const chunk = Buffer.alloc(256 * 1024, 'x');
  const write = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) await writer.write(chunk);
  };
  await write(256);
  const before = process.memoryUsage();
  await write(2048 - 256);
  const after = process.memoryUsage();
  // Buffers that back-pressure did not hold back would show as hundreds of megabytes here.
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(32 * 1024 * 1024);
  expect(after.rss - before.rss).toBeLessThan(100 * 1024 * 1024);
  expect((await writer.commit()).size).toBe(512 * 1024 * 1024);
});

describe('after dispose', () => {
  const descriptors = (root: string): readonly string[] =>
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)].filter((target) => target.startsWith(root));
      } catch {
        return [];
      }
    });
  const hashingThreads = (): number =>
    readdirSync('/proc/self/task').filter((task) => readFileSync(`/proc/self/task/${task}/comm`, 'utf8').includes('content-loc'))
      .length;

  test('no descriptor and no thread is left, progress is kept, and calls are refused; twice is once', async () => {
    const root = folderOfTest();
    const opened = await openStore(root);
    const { store } = opened;
    const blob = await store.writer({ ref: 'blob' });
    await blob.write(Buffer.from('content'));
    const { digest } = await blob.commit();
    const reader = await store.readerAt(digest);
    const writer = await store.writer({ ref: 'r' });
    await writer.write(Buffer.alloc(3_000_000));
    expect(descriptors(root).length).toBeGreaterThan(0);
    await opened[Symbol.asyncDispose]();
    await opened[Symbol.asyncDispose]();
    await turn();
    expect(descriptors(root)).toEqual([]);
    expect(hashingThreads()).toBe(0);
    await expect(reader.read(Buffer.alloc(1), 0)).rejects.toMatchObject({ code: 'CONTENT_READER_CLOSED' });
    await expect(writer.write(Buffer.alloc(1))).rejects.toMatchObject({ code: 'CONTENT_WRITER_CLOSED' });
    await expect(store.info(digest)).rejects.toMatchObject({ code: 'CONTENT_STORE_CLOSED' });
    await using again = await openStore(root);
    expect((await again.store.status('r')).offset).toBe(3_000_000);
  });

  test('an open store with an idle worker does not hold the process', () => {
    const root = folderOfTest();
    const openStoreFile = new URL('open-store.ts', import.meta.url).href;
    const code = `
      const { store } = await (await import(${JSON.stringify(openStoreFile)})).openStore(${JSON.stringify(root)});
      const writer = await store.writer({ ref: 'r' });
      await writer.write(Buffer.alloc(3_000_000));
      console.log((await writer.commit()).size);`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', timeout: 60_000 });
    expect(output.trim()).toBe('3000000');
  });
});
