import { createHash } from 'node:crypto';
import { type ContentStore, type ContentWriter, type ErrorKind, SlipwayError } from '@slipway/plugin-api';
import { contentLaws } from '@slipway/plugin-testkit';
import { expect, test } from 'vitest';
import { runLaws } from './run-laws.ts';

const fail = (kind: ErrorKind): never => {
  throw new SlipwayError({ kind, code: 'BROKEN', message: kind });
};

/** Trusts the digest it is told, keeps chunks without copying them, and lets a ref have two writers. */
function brokenStore(): ContentStore {
  const blobs = new Map<string, Buffer>();
  const ingests = new Map<string, Uint8Array[]>();
  const now = new Date().toISOString();
  const info = (digest: string) => ({
    digest,
    size: (blobs.get(digest) ?? fail('not-found')).length,
    createdAt: now,
    labels: {},
  });
  const statusOf = (ref: string) => ({
    ref,
    offset: Buffer.concat(ingests.get(ref) ?? fail('not-found')).length,
    startedAt: now,
    updatedAt: now,
  });
  return {
    info: async (digest) => info(digest),
    update: async () => fail('unimplemented'),
    async *walk() {
      for (const digest of blobs.keys()) yield info(digest);
    },
    delete: async (digest) => void (blobs.delete(digest) || fail('not-found')),
    async readerAt(digest) {
      const bytes = blobs.get(digest) ?? fail('not-found');
      return {
        size: bytes.length,
        read: async (target, position) => (position < bytes.length ? bytes.copy(target, 0, position) : 0),
        [Symbol.asyncDispose]: async () => {},
      };
    },
    async writer({ ref }): Promise<ContentWriter> {
      ingests.set(ref, ingests.get(ref) ?? []);
      return {
        write: async (chunk) => void ingests.get(ref)?.push(chunk),
        status: () => statusOf(ref),
        truncate: async () => void ingests.set(ref, []),
        async commit(expected = {}) {
          const bytes = Buffer.concat(ingests.get(ref) ?? []);
          ingests.delete(ref);
          const digest = expected.digest ?? `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
          if (blobs.has(digest)) fail('already-exists');
          blobs.set(digest, bytes);
          return { digest, size: bytes.length };
        },
        close: async () => {},
        [Symbol.asyncDispose]: async () => {},
      };
    },
    status: async (ref) => statusOf(ref),
    listStatuses: async () => [...ingests.keys()].map(statusOf),
    abort: async (ref) => void (ingests.delete(ref) || fail('not-found')),
  };
}

test('the content laws fail for a broken store, and not where it is right', async () => {
  const { passed, failed } = await runLaws((runner) =>
    contentLaws(runner, async () => {
      const store = brokenStore();
      return { store, reopen: async () => store, [Symbol.asyncDispose]: async () => {} };
    }),
  );
  for (const law of [
    'a chunk may be reused as soon as its write is done',
    'a wrong size or digest is failed-precondition, and the small ingest is gone',
    'what was expected on opening is checked on commit (large)',
    'stops at the expected size + 1',
    'a second writer of an open ref is unavailable; others are not',
    'progress towards other content is not resumed',
    'commit closes the writer, whatever comes of it; closing is idempotent',
    'a digest is checked for its form before anything is done with it',
    'sizes and refs are checked',
  ]) {
    expect(failed).toContain(law);
  }
  for (const law of ['small content goes in and comes out', 'nothing is visible before the commit', 'abort drops an ingest']) {
    expect(passed).toContain(law);
  }
});
