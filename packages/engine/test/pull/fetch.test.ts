import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { type ContentStore, type ContentWriter, type Descriptor, type Fetcher, SlipwayError } from '@slipway/plugin-api';
import { memoryContent } from '@slipway/plugin-testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentTable, NamespacedContent } from '../../dist/metadata/content.js';
import { finishLeftDeletion } from '../../dist/metadata/deletion.js';
import { deletionLock } from '../../dist/metadata/deletion-lock.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { Operation } from '../../dist/operations/operation.js';
import { fetchContent } from '../../dist/pull/fetch.js';
import { fakeParts } from '../parts.ts';

const bytes = Buffer.from('0123456789'.repeat(10));
const descriptor: Descriptor = {
  mediaType: 'x',
  digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
  size: bytes.length,
};
const failure = (kind: 'unavailable' | 'failed-precondition' | 'not-found' | 'already-exists') =>
  new SlipwayError({ kind, code: 'FAKE', message: kind });

/** Keeps what is written to one ingest; commits like a store. */
function fakeContent(options: { busy?: number } = {}) {
  const state = { data: Buffer.alloc(0), committed: false, closed: 0, busy: options.busy ?? 0, seen: 0 };
  const writer = {
    write: async (chunk: Uint8Array) => {
      state.data = Buffer.concat([state.data, chunk]);
    },
    status: () => ({ ref: 'r', offset: state.data.length, startedAt: '', updatedAt: '' }),
    truncate: async () => {
      state.data = Buffer.alloc(0);
    },
    commit: async () => {
      if (!state.data.equals(bytes)) throw failure('failed-precondition');
      state.committed = true;
      return descriptor;
    },
    close: async () => {
      state.closed++;
    },
  } as unknown as ContentWriter;
  const content = {
    writer: async () => {
      if (state.busy-- > 0) throw failure('unavailable');
      if (state.committed) throw failure('already-exists');
      return writer;
    },
    // The other writer comes on each time that somebody looks.
    status: async () => {
      if (state.busy < 0) throw failure('not-found');
      return { ...writer.status(), offset: ++state.seen };
    },
  } as unknown as ContentStore;
  return { content, state };
}

/** Each call of fetch takes the next script: where it starts, what it yields, how it ends. */
function fakeFetcher(scripts: ((offset: number) => { offset: number; chunks: Uint8Array[]; end?: Error })[]): {
  fetcher: Fetcher;
  offsets: number[];
} {
  const offsets: number[] = [];
  const fetcher: Fetcher = {
    fetch: async (_descriptor, options) => {
      const wanted = options?.offset ?? 0;
      offsets.push(wanted);
      const script = scripts.shift();
      if (script === undefined) throw failure('not-found');
      const { offset, chunks, end } = script(wanted);
      return {
        offset,
        body: (async function* () {
          yield* chunks;
          if (end !== undefined) throw end;
        })(),
        [Symbol.asyncDispose]: async () => {},
      };
    },
  };
  return { fetcher, offsets };
}

let parts: ReturnType<typeof fakeParts>;
beforeEach(() => {
  parts = fakeParts();
});
afterEach(() => parts[Symbol.dispose]());

async function fetchWith(
  content: ContentStore,
  fetcher: Fetcher,
  signal?: AbortSignal,
  of: Descriptor = descriptor,
): Promise<number[]> {
  const progress: number[] = [];
  await using operation = Operation.begin(parts, 'test');
  const finishDeletion = (digest: string): Promise<void> => finishLeftDeletion(parts, digest);
  await fetchContent({ content, fetcher, operation, finishDeletion, signal }, of, (count) => progress.push(count));
  return progress;
}

describe('content that its descriptor brings along', () => {
  it('is taken from there, and nothing is fetched', async () => {
    const { content, state } = fakeContent();
    const { fetcher, offsets } = fakeFetcher([]);
    await fetchWith(content, fetcher, undefined, { ...descriptor, data: bytes.toString('base64') });
    expect(offsets).toEqual([]);
    expect(state).toMatchObject({ committed: true });
  });

  it.each([
    ['shorter', bytes.subarray(1).toString('base64'), 'DESCRIPTOR_DATA_INVALID'],
    ['no base64', `${bytes.toString('base64').slice(0, -2)}!!`, 'DESCRIPTOR_DATA_INVALID'],
    ['other bytes', Buffer.alloc(bytes.length, 'x').toString('base64'), 'FAKE'],
  ])('is refused when it is %s', async (_what, data, code) => {
    const { content, state } = fakeContent();
    const { fetcher } = fakeFetcher([]);
    await expect(fetchWith(content, fetcher, undefined, { ...descriptor, data })).rejects.toMatchObject({
      kind: 'failed-precondition',
      code,
    });
    expect(state.committed).toBe(false);
  });
});

describe('fetchContent', () => {
  it('takes a broken connection up where it broke', async () => {
    const { content, state } = fakeContent();
    const { fetcher, offsets } = fakeFetcher([
      () => ({ offset: 0, chunks: [bytes.subarray(0, 30)], end: failure('unavailable') }),
      (offset) => ({ offset, chunks: [bytes.subarray(30)] }),
    ]);
    // Where each connection begins, and what it brings.
    expect(await fetchWith(content, fetcher)).toEqual([0, 30, 30, 100]);
    expect(offsets).toEqual([0, 30]);
    expect(state.committed).toBe(true);
  });

  it('starts over when the source cannot start in the middle, and splices nothing', async () => {
    const { content, state } = fakeContent();
    const { fetcher } = fakeFetcher([
      () => ({ offset: 0, chunks: [bytes.subarray(0, 30)], end: failure('unavailable') }),
      () => ({ offset: 0, chunks: [bytes] }),
    ]);
    await fetchWith(content, fetcher);
    expect(state.data.equals(bytes)).toBe(true);
  });

  it('gives up on a source that never yields another byte', async () => {
    const { content, state } = fakeContent();
    const { fetcher, offsets } = fakeFetcher(
      Array.from({ length: 9 }, () => () => ({ offset: 0, chunks: [], end: failure('unavailable') })),
    );
    await expect(fetchWith(content, fetcher)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(offsets.length).toBeLessThan(9);
    expect(state.committed).toBe(false);
    expect(parts.released).toEqual([`ingest fetch-${descriptor.digest}`]);
  });

  it('does not try again what cannot succeed', async () => {
    const { content } = fakeContent();
    const { fetcher, offsets } = fakeFetcher([
      () => ({ offset: 0, chunks: [Buffer.from('wrong')] }),
      () => ({ offset: 0, chunks: [bytes] }),
    ]);
    await expect(fetchWith(content, fetcher)).rejects.toMatchObject({ kind: 'failed-precondition' });
    expect(offsets).toEqual([0]);
  });

  it('waits for another writer of the same content, shows its progress, and leaves its ingest alone', async () => {
    const { content, state } = fakeContent({ busy: 3 });
    state.committed = true;
    const { fetcher, offsets } = fakeFetcher([]);
    expect(await fetchWith(content, fetcher)).toEqual([1, 2, 3]);
    expect(offsets).toEqual([]);
    expect(parts.released).toEqual([]);
  });

  it('bug: waited for ever for a deletion whose process was killed after this engine had begun', async () => {
    const store = memoryContent();
    const content = new NamespacedContent(store, parts.metadata, () => deletionLock(parts.settings.root));
    Object.assign(parts, { store, content });
    const deletion = Operation.begin(parts, 'remove');
    deletion.acquire({ kind: 'deletion', operation: deletion.id, digests: [descriptor.digest] });
    await parts.metadata.write((tx) => {
      const row = { size: bytes.length, createdAt: '2026-01-01T00:00:00.000Z', labels: {}, deletedBy: deletion.id };
      tx.put(contentTable, rowKey(descriptor.digest), row);
    });
    const { fetcher } = fakeFetcher([() => ({ offset: 0, chunks: [bytes] })]);
    const fetching = fetchWith(content, fetcher);
    setTimeout(() => closeSync(deletion.fd), 50);
    await fetching;
    expect(await content.info(descriptor.digest)).toMatchObject({ size: bytes.length });
  });

  it('ends at once when aborted, while it waits too', async () => {
    const { content } = fakeContent({ busy: Number.POSITIVE_INFINITY });
    const { fetcher } = fakeFetcher([]);
    const abort = new AbortController();
    const fetching = fetchWith(content, fetcher, abort.signal);
    setTimeout(() => abort.abort(), 50);
    await expect(fetching).rejects.toMatchObject({ kind: 'canceled' });
  });
});
