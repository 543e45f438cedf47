import type { Digest, Fetcher } from '@slipway/plugin-api';
import { finishLeftDeletion } from '../../metadata/deletion.js';
import { addToLease } from '../../metadata/leases.js';
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

/** From now on no sweep takes it, and a deletion of it that a dead process has left is over. */
export async function leaseContent(parts: EngineParts, { operation }: Draft, digest: Digest): Promise<void> {
  await parts.metadata.write((tx) => addToLease(tx, operation.id, { content: [digest] }));
  await finishLeftDeletion(parts, digest);
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
    await leaseContent(parts, draft, descriptor.digest);
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
