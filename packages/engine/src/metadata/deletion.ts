import { isKind } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { type ContentRow, contentTable } from './content.js';
import { rowKey } from './rows.js';

/**
 * Second half of a deletion: the rows are marked `deletedBy`, so no one counts on the blobs; now the files go, then the
 * rows. A pull of such a blob waits until the row is gone, so it never brings in a file that is then unlinked.
 */
export async function finishDeletion(parts: Pick<EngineParts, 'store' | 'metadata'>, digests: readonly string[]): Promise<void> {
  const marked = parts.metadata.read((tx) => digests.filter((digest) => isMarked(tx.get(contentTable, rowKey(digest)))));
  for (const digest of marked) {
    try {
      await parts.store.delete(digest);
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error;
    }
  }
  await parts.metadata.write((tx) => {
    for (const digest of marked) if (isMarked(tx.get(contentTable, rowKey(digest)))) tx.delete(contentTable, rowKey(digest));
  });
}

function isMarked(row: ContentRow | undefined): boolean {
  return row?.deletedBy !== undefined;
}
