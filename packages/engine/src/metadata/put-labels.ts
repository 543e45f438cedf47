import type { Digest, WriteTransaction } from '@slipway/plugin-api';
import { contentTable } from './content.js';
import { type Labels, mergedLabels } from './labels.js';
import { rowKey } from './rows.js';

/** Adds labels to the rows that are there. */
export function putLabels(tx: WriteTransaction, labels: ReadonlyMap<Digest, Labels>): void {
  for (const [digest, added] of labels) {
    const row = tx.get(contentTable, rowKey(digest));
    if (row !== undefined) tx.put(contentTable, rowKey(digest), { ...row, labels: mergedLabels(row.labels, added) });
  }
}
