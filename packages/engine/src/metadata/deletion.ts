import { type Digest, isKind, type ReadTransaction, type SystemFailure } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { contentTable } from './content.js';
import { deletionLock, tryDeletionLock } from './deletion-lock.js';
import { rowKey, rowName, rowPrefix } from './rows.js';
import { failureOf } from './sweep-failure.js';

type Stores = Pick<EngineParts, 'store' | 'metadata' | 'log' | 'settings'>;

/** Unlinks under way: each waits for the disk, which takes several at once. */
const atOnce = 8;

/**
 * Second half of a deletion: the rows are marked `deletedBy`, so no one counts on the blobs; now the files go, then the
 * rows. A pull of such a blob waits until the row is gone, so it never brings in a file that is then unlinked. For the same
 * reason only rows are touched that bear the mark of this operation, and only while holding the lock of deletions: a blob that
 * another one has deleted may be back already.
 *
 * A blob that cannot be deleted and is whole loses its mark and is garbage as before, for the next sweep. Where not even that can be
 * told the mark stays, and the next sweep takes it over.
 *
 * @returns what went wrong; the other blobs are gone
 */
export async function deleteMarked(
  { store, metadata, log }: Stores,
  operation: string,
  digests: readonly Digest[],
): Promise<{ readonly deleted: readonly Digest[]; readonly failures: readonly SystemFailure[] }> {
  const isOurs = (tx: ReadTransaction, digest: Digest): boolean => tx.get(contentTable, rowKey(digest))?.deletedBy === operation;
  const left = metadata.read((tx) => digests.filter((digest) => isOurs(tx, digest)));
  const deleted: Digest[] = [];
  const kept: Digest[] = [];
  const failures: SystemFailure[] = [];
  const work = async (): Promise<void> => {
    for (let digest = left.pop(); digest !== undefined; digest = left.pop()) {
      try {
        await deleteFile(store, digest);
        deleted.push(digest);
      } catch (error) {
        failures.push(failureOf(log, `blob "${digest}"`, error));
        const found = await look(store, digest);
        if (found === 'there') kept.push(digest);
        else if (found === 'gone') deleted.push(digest);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  await metadata.write((tx) => {
    for (const digest of deleted) {
      if (isOurs(tx, digest)) tx.delete(contentTable, rowKey(digest));
    }
    for (const digest of kept) {
      const row = tx.get(contentTable, rowKey(digest));
      if (row?.deletedBy !== operation) continue;
      const { deletedBy: _, ...unmarked } = row;
      tx.put(contentTable, rowKey(digest), unmarked);
    }
  });
  return { deleted, failures };
}

/** Of an operation that was killed, or that could not write the end of it. */
export async function finishDeletion(parts: Stores, operation: string, digests: readonly Digest[]): Promise<void> {
  using _lock = await deletionLock(parts.settings.root);
  await deleteMarked(parts, operation, digests);
}

/** For who waits for a blob to be gone: nothing, while somebody is deleting; else nobody is left who will. */
export async function finishLeftDeletion(parts: Stores, digest: Digest): Promise<void> {
  using lock = tryDeletionLock(parts.settings.root);
  const left = parts.metadata.read((tx) => tx.get(contentTable, rowKey(digest)))?.deletedBy;
  if (lock !== undefined && left !== undefined) await deleteMarked(parts, left, [digest]);
}

/** After a restart of the machine no operation is left that will: all that is marked goes. Only while holding the lock of deletions. */
export async function finishAllDeletions(parts: Stores): Promise<void> {
  const byOperation = new Map<string, Digest[]>();
  for (const [key, { deletedBy }] of parts.metadata.read((tx) => [...tx.entries(contentTable, { prefix: rowPrefix })])) {
    if (deletedBy === undefined) continue;
    byOperation.set(deletedBy, [...(byOperation.get(deletedBy) ?? []), rowName(key)]);
  }
  for (const [operation, digests] of byOperation) await deleteMarked(parts, operation, digests);
}

async function deleteFile(store: Stores['store'], digest: Digest): Promise<void> {
  try {
    await store.delete(digest);
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error;
  }
}

async function look(store: Stores['store'], digest: Digest): Promise<'there' | 'gone' | 'unknown'> {
  try {
    await store.info(digest);
    return 'there';
  } catch (error) {
    return isKind(error, 'not-found') ? 'gone' : 'unknown';
  }
}
