import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openStore, temporaryFolder } from './open-store.ts';

const content = Buffer.alloc(300_000, 'content of a layer');
const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
const expected = { digest, size: content.length };

function folderOfTest(): string {
  const folder = temporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return folder.path;
}

const blob = (root: string): string => join(root, 'blobs', ...digest.split(':'));

async function withDamagedBlob(root: string): Promise<void> {
  await using opened = await openStore(root);
  const writer = await opened.store.writer({ ref: 'first', expected });
  await writer.write(content);
  await writer.commit();
  chmodSync(blob(root), 0o644);
  truncateSync(blob(root), 17);
}

describe('replacing a damaged blob', () => {
  test('it stays until the good one is verified, and who reads it goes on', async () => {
    const root = folderOfTest();
    await withDamagedBlob(root);
    await using opened = await openStore(root);
    const { store } = opened;
    await expect(store.writer({ ref: 'again', expected })).rejects.toMatchObject({ kind: 'already-exists' });
    await using reader = await store.readerAt(digest);
    const writer = await store.writer({ ref: 'again', expected, replace: true });
    await writer.write(content);
    expect((await store.info(digest)).size).toBe(17);
    expect(await writer.commit()).toEqual(expected);
    expect((await store.info(digest)).size).toBe(content.length);
    expect(readFileSync(blob(root)).equals(content)).toBe(true);
    expect(await reader.read(Buffer.alloc(100), 0)).toBe(17);
    expect(readdirSync(join(root, 'ingest'))).toEqual([]);
  });

  test('wrong content takes nothing away', async () => {
    const root = folderOfTest();
    await withDamagedBlob(root);
    await using opened = await openStore(root);
    const writer = await opened.store.writer({ ref: 'again', expected, replace: true });
    await writer.write(Buffer.alloc(content.length));
    await expect(writer.commit()).rejects.toMatchObject({ kind: 'failed-precondition', code: 'CONTENT_DIGEST_MISMATCH' });
    expect((await opened.store.info(digest)).size).toBe(17);
  });

  test('one that is missing is just brought in', async () => {
    const root = folderOfTest();
    await withDamagedBlob(root);
    rmSync(blob(root));
    await using opened = await openStore(root);
    const writer = await opened.store.writer({ ref: 'again', expected, replace: true });
    await writer.write(content);
    await writer.commit();
    expect((await opened.store.info(digest)).size).toBe(content.length);
  });
});

describe('the format of the folder', () => {
  test('is written into a new one, and a folder from before there was a number is taken as it is', async () => {
    const root = folderOfTest();
    await (await openStore(root))[Symbol.asyncDispose]();
    expect(JSON.parse(readFileSync(join(root, 'format'), 'utf8'))).toEqual({ format: 1 });
    rmSync(join(root, 'format'));
    await (await openStore(root))[Symbol.asyncDispose]();
    expect(existsSync(join(root, 'format'))).toBe(false);
  });

  test('a newer one is refused and nothing is touched', async () => {
    const root = folderOfTest();
    writeFileSync(join(root, 'format'), '{"format":2}');
    mkdirSync(join(root, 'elsewhere'));
    await expect(openStore(root)).rejects.toMatchObject({ kind: 'failed-precondition', code: 'CONTENT_FORMAT_NEWER' });
    expect(readdirSync(root).sort()).toEqual(['elsewhere', 'format']);
  });

  test.each(['', '{', '[]', '{"format":0}', '{"format":"1"}'])('damaged to %j it is data-loss', async (text) => {
    const root = folderOfTest();
    writeFileSync(join(root, 'format'), text);
    const error = { kind: 'data-loss', code: 'CONTENT_FORMAT_UNKNOWN', message: expect.stringContaining(join(root, 'format')) };
    await expect(openStore(root)).rejects.toMatchObject(error);
  });
});
