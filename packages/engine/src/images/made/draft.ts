import { setTimeout as sleep } from 'node:timers/promises';
import { type Digest, type Fetcher, throwIfAborted } from '@slipway/plugin-api';
import { contentTable } from '../../metadata/content.js';
import { finishLeftDeletion } from '../../metadata/deletion.js';
import { addToLease } from '../../metadata/leases.js';
import { rowKey } from '../../metadata/rows.js';
import { Operation } from '../../operations/operation.js';
import { fetchContent } from '../../pull/fetch.js';
import { takeBack } from '../../pull/take-back.js';
import type { EngineParts } from '../../settings.js';
import type { MadeImage } from './made-image.js';

/** What an image is made with, until it has a name. */
export interface Draft {
  readonly operation: Operation;
  /** The image has its name: nothing of it is to be taken back. */
  keep(): void;
}

/**
 * An operation with a lease for what it brings in. When the work fails, or its process is killed, everything that only the lease keeps goes: unlike a
 * pull, what is made here is of no use to a retry.
 */
export async function withDraft<T>(parts: EngineParts, what: string, work: (draft: Draft) => Promise<T>): Promise<T> {
  await using operation = Operation.begin(parts, what);
  const lease = operation.acquire({ kind: 'draft', lease: operation.id });
  try {
    return await work({ operation, keep: () => lease.forget() });
  } catch (error) {
    await takeBack(parts, operation, lease);
    throw error;
  }
}

const [shortestWaitMs, longestWaitMs] = [5, 100];

/** From now on no sweep takes it, and a deletion of it that had begun before is over. */
export async function leaseContent(
  parts: EngineParts,
  { operation }: Draft,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { metadata } = parts;
  await metadata.write((tx) => addToLease(tx, operation.id, { content: [digest] }));
  const isBeingDeleted = (): boolean => metadata.read((tx) => tx.get(contentTable, rowKey(digest)))?.deletedBy !== undefined;
  for (let wait = shortestWaitMs; isBeingDeleted(); wait = Math.min(wait * 2, longestWaitMs)) {
    throwIfAborted(`wait for the deletion of "${digest}"`, signal);
    await finishLeftDeletion(parts, digest);
    // Rejects only when aborted, which is told above.
    await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
  }
}

/** Brings the documents into the content store. */
export async function storeDocuments(
  parts: EngineParts,
  draft: Draft,
  { documents }: MadeImage,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { content } = parts;
  const { operation } = draft;
  const finishDeletion = (digest: Digest): Promise<void> => finishLeftDeletion(parts, digest);
  for (const { descriptor, bytes } of documents) {
    await leaseContent(parts, draft, descriptor.digest, signal);
    const fetcher = fetcherOf(bytes);
    await fetchContent({ content, fetcher, operation, finishDeletion, signal }, descriptor, () => {});
  }
}

function fetcherOf(bytes: Uint8Array): Fetcher {
  return {
    fetch: (_, { offset = 0 } = {}) =>
      Promise.resolve({
        offset,
        body: (async function* () {
          yield bytes.subarray(offset);
        })(),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
  };
}
