import { createHash } from 'node:crypto';
import type { ContentStore } from '@slipway/plugin-api';
import { contentLaws, memoryMetadata } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { contentTable, NamespacedContent } from '../dist/metadata/content.js';
import { rowKey } from '../dist/metadata/rows.js';
import { memoryContent } from './memory-content.ts';

describe('the store alone', () => {
  contentLaws({ describe, it }, async () => underTest(memoryContent()));
});

describe('in a namespace', () => {
  contentLaws({ describe, it }, async () => {
    const [store, metadata] = [memoryContent(), memoryMetadata()];
    return underTest(new NamespacedContent(store, metadata));
  });

  const bytes = Buffer.from('content');
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const expected = { digest, size: bytes.length };

  async function put(store: ContentStore, ref: string): Promise<void> {
    await using writer = await store.writer({ ref });
    await writer.write(bytes);
    await writer.commit();
  }

  it('keeps labels itself', async () => {
    const content = new NamespacedContent(memoryContent(), memoryMetadata());
    await put(content, 'r');
    expect(await content.update(digest, { a: 'b' })).toMatchObject({ digest, labels: { a: 'b' } });
    expect(await content.info(digest)).toMatchObject({ size: bytes.length, labels: { a: 'b' } });
  });

  it('a blob without a row is not there, until someone brings it in again', async () => {
    const store = memoryContent();
    await put(store, 'r');
    const content = new NamespacedContent(store, memoryMetadata());
    await expect(content.info(digest)).rejects.toMatchObject({ kind: 'not-found' });
    await expect(content.writer({ ref: 'r', expected })).rejects.toMatchObject({ kind: 'already-exists' });
    expect(await content.info(digest)).toMatchObject({ size: bytes.length });
  });

  it('bug: a blob that another namespace brought in meanwhile stayed absent when its digest was given on opening', async () => {
    const store = memoryContent();
    const content = new NamespacedContent(store, memoryMetadata());
    await using writer = await content.writer({ ref: 'r', expected });
    await writer.write(bytes);
    await put(store, 'other');
    await expect(writer.commit()).rejects.toMatchObject({ kind: 'already-exists' });
    expect(await content.info(digest)).toMatchObject({ size: bytes.length });
  });

  it('a blob that is being deleted is not there, and cannot be brought in yet', async () => {
    const metadata = memoryMetadata();
    const content = new NamespacedContent(memoryContent(), metadata);
    await put(content, 'r');
    await metadata.write((tx) => {
      const row = tx.get(contentTable, rowKey(digest));
      if (row !== undefined) tx.put(contentTable, rowKey(digest), { ...row, deletedBy: 'remove-1' });
    });
    for (const attempt of [content.info(digest), content.update(digest, {}), content.delete(digest), content.readerAt(digest)])
      await expect(attempt).rejects.toMatchObject({ kind: 'not-found' });
    await expect(content.writer({ ref: 'r', expected })).rejects.toMatchObject({ code: 'CONTENT_BEING_DELETED' });
    const walked: string[] = [];
    for await (const info of content.walk()) walked.push(info.digest);
    expect(walked).toEqual([]);
  });
});

/** A store of one process is reopened by going on with it, its writers closed. */
function underTest(store: ContentStore) {
  return { store, reopen: async () => store, [Symbol.asyncDispose]: async () => {} };
}
