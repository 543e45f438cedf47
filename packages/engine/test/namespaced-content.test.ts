import { createHash } from 'node:crypto';
import { type ContentStore, SlipwayError } from '@slipway/plugin-api';
import {
  contentLaws,
  contentNamespaceLaws,
  MemoryContentPlace,
  MemoryMetadataPlace,
  memoryContent,
  memoryMetadata,
} from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { contentTable, NamespacedContent } from '../dist/metadata/content.js';
import { deletionLock } from '../dist/metadata/deletion-lock.js';
import { rowKey } from '../dist/metadata/rows.js';

/** What a root keeps as long as the tests run. */
interface Place {
  readonly content: MemoryContentPlace;
  readonly namespaces: readonly [MemoryMetadataPlace, MemoryMetadataPlace];
}
const places = new Map<string, Place>();

function placeOf(root: string): Place {
  const place = places.get(root) ?? {
    content: new MemoryContentPlace(),
    namespaces: [new MemoryMetadataPlace(), new MemoryMetadataPlace()],
  };
  places.set(root, place);
  return place;
}

describe('in a namespace', async () => {
  await contentLaws({ describe, it }, async (root) => {
    const { content, namespaces } = placeOf(root);
    const opened = new AsyncDisposableStack();
    const [store, metadata] = [opened.use(memoryContent(content)), opened.use(memoryMetadata(namespaces[0]))];
    return {
      instance: new NamespacedContent(store, metadata, () => deletionLock(root)),
      capabilities: { labels: true },
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    };
  });

  contentNamespaceLaws({ describe, it }, async (root) => {
    const { content, namespaces } = placeOf(root);
    const opened = new AsyncDisposableStack();
    const store = opened.use(memoryContent(content));
    const [one, other] = namespaces.map(
      (place) => new NamespacedContent(store, opened.use(memoryMetadata(place)), () => deletionLock(root)),
    );
    if (one === undefined || other === undefined) throw new Error('two namespaces');
    return {
      instance: [one, other] as const,
      capabilities: {},
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    };
  });

  /** Nobody else is there who could delete. */
  const alone = async (): Promise<Disposable> => ({ [Symbol.dispose]: () => {} });
  const bytes = Buffer.from('content');
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const expected = { digest, size: bytes.length };

  async function put(store: ContentStore, ref: string): Promise<void> {
    await using writer = await store.writer({ ref });
    await writer.write(bytes);
    await writer.commit();
  }

  it('keeps labels itself', async () => {
    const content = new NamespacedContent(memoryContent(), memoryMetadata(), alone);
    await put(content, 'r');
    expect(await content.update(digest, { a: 'b' })).toMatchObject({ digest, labels: { a: 'b' } });
    expect(await content.info(digest)).toMatchObject({ size: bytes.length, labels: { a: 'b' } });
  });

  it('a blob without a row is not there, until someone brings it in again', async () => {
    const store = memoryContent();
    await put(store, 'r');
    const content = new NamespacedContent(store, memoryMetadata(), alone);
    await expect(content.info(digest)).rejects.toMatchObject({ kind: 'not-found' });
    await expect(content.writer({ ref: 'r', expected })).rejects.toMatchObject({ kind: 'already-exists' });
    expect(await content.info(digest)).toMatchObject({ size: bytes.length });
  });

  it('bug: a blob that another namespace brought in meanwhile stayed absent when its digest was given on opening', async () => {
    const store = memoryContent();
    const content = new NamespacedContent(store, memoryMetadata(), alone);
    await using writer = await content.writer({ ref: 'r', expected });
    await writer.write(bytes);
    await put(store, 'other');
    await expect(writer.commit()).rejects.toMatchObject({ kind: 'already-exists' });
    expect(await content.info(digest)).toMatchObject({ size: bytes.length });
  });

  it('bug: a deletion that was cut off left the file, which came back as it was, damaged or not', async () => {
    const { store, metadata } = { store: memoryContent(), metadata: memoryMetadata() };
    const failure = new SlipwayError({ kind: 'data-loss', code: 'FAKE', message: 'the disk fails' });
    const cutOff = Object.assign(Object.create(store), { delete: () => new Promise(() => {}) });
    const failing = Object.assign(Object.create(store), { delete: () => Promise.reject(failure) });
    await put(new NamespacedContent(store, metadata, alone), 'r');

    await expect(new NamespacedContent(failing, metadata, alone).delete(digest)).rejects.toBe(failure);
    expect(await new NamespacedContent(store, metadata, alone).info(digest)).toMatchObject({ size: bytes.length });

    void new NamespacedContent(cutOff, metadata, alone).delete(digest);
    const content = new NamespacedContent(store, metadata, alone);
    await expect.poll(() => content.info(digest).catch(({ kind }) => kind)).toBe('not-found');
    await expect(content.writer({ ref: 'r', expected })).rejects.toMatchObject({ code: 'CONTENT_BEING_DELETED' });
  });

  it('a blob that is being deleted is not there, and cannot be brought in yet', async () => {
    const metadata = memoryMetadata();
    const content = new NamespacedContent(memoryContent(), metadata, alone);
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
