import { isKind, type MetadataStore, step, type WriteTransaction } from '@slipway/plugin-api';
import { contentTable } from './content.js';
import { type GarbageBlob, isGarbage } from './garbage.js';
import type { LiveMarks } from './marks.js';
import { rowKey } from './rows.js';

/** Bound of the time that all writers wait, and of what a full disk's metadata can still take. */
export const blobsAtOnce = 500;

/** So often everything is marked again outside, because others were too busy to tell what they did, before it is done inside. */
const maxRenewals = 3;

/**
 * Of the candidates those that still are garbage: looked at and marked in one transaction, so that whoever leased one before
 * keeps it, and whoever leases it later sees the mark. Only while holding the lock of deletions. On a full disk, where not all of
 * them find room, a part of them.
 */
export async function markForDeletion(
  metadata: MetadataStore,
  marks: LiveMarks,
  operation: string,
  candidates: readonly GarbageBlob[],
): Promise<{ readonly tried: number; readonly marked: readonly GarbageBlob[] }> {
  for (let renewals = 0; ; ) {
    const isLast = renewals === maxRenewals;
    try {
      const marked = await metadata.write((tx) => {
        if (!marks.catchUp(tx)) {
          if (!isLast) return undefined;
          marks.renewWithin(tx);
        }
        return candidates.filter((blob) => markOne(tx, marks, operation, blob));
      });
      if (marked !== undefined) {
        step('sweep.marked', { blobs: marked.length });
        return { tried: candidates.length, marked };
      }
    } catch (error) {
      // What was caught up with may be of a transaction that was lost with this one.
      await marks.renew();
      if (candidates.length < 2 || !isKind(error, 'resource-exhausted')) throw error;
      const half = candidates.slice(0, Math.ceil(candidates.length / 2));
      return markForDeletion(metadata, marks, operation, half);
    }
    await marks.renew();
    renewals++;
  }
}

function markOne(tx: WriteTransaction, marks: LiveMarks, operation: string, { digest, size, isRowless }: GarbageBlob): boolean {
  const row = tx.get(contentTable, rowKey(digest));
  if (isRowless !== (row === undefined)) return false;
  if (row === undefined ? marks.current.content.has(digest) : !isGarbage(row, marks.current, digest)) return false;
  // Without its labels, which nobody asks for any more: a row that shrinks finds room where there is none.
  const createdAt = row?.createdAt ?? new Date().toISOString();
  tx.put(contentTable, rowKey(digest), { size, createdAt, labels: {}, deletedBy: operation });
  return true;
}
