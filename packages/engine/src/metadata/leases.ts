import { defineTable, type MetadataStore, type ReadTransaction, type WriteTransaction } from '@slipway/plugin-api';
import * as v from 'valibot';
import { noteReferences, type References } from './references.js';
import { rowKey, rowPrefix } from './rows.js';

const schema = v.object({
  createdAt: v.string(),
  /** Absent: live for as long as its operation is. RFC 3339. */
  expiresAt: v.optional(v.string()),
  content: v.array(v.string()),
  snapshots: v.array(v.object({ snapshotter: v.string(), name: v.string() })),
});

export type LeaseRow = v.InferOutput<typeof schema>;

/** What nothing names yet but someone works on: it is not garbage. By the id of the operation that holds it. */
export const leasesTable = defineTable<LeaseRow>('leases', (value) => v.parse(schema, value));

/** What was brought in by an operation that did not come to its end is kept for so long, so that a retry need not fetch it again. */
export const graceHours = 24;

export function addToLease(tx: WriteTransaction, id: string, resources: References): void {
  const key = rowKey(id);
  const row = tx.get(leasesTable, key) ?? { createdAt: new Date().toISOString(), content: [], snapshots: [] };
  noteReferences(tx, resources);
  tx.put(leasesTable, key, {
    ...row,
    content: [...new Set([...row.content, ...(resources.content ?? [])])],
    snapshots: [...row.snapshots, ...(resources.snapshots ?? [])],
  });
}

export function hasExpired(lease: LeaseRow, now = new Date()): boolean {
  return lease.expiresAt !== undefined && new Date(lease.expiresAt) < now;
}

export function anyExpired(tx: ReadTransaction, now = new Date()): boolean {
  for (const [, lease] of tx.entries(leasesTable, { prefix: rowPrefix })) if (hasExpired(lease, now)) return true;
  return false;
}

/** The operation was cut off: its lease now runs out by itself. */
export async function endLease(metadata: MetadataStore, id: string): Promise<void> {
  await metadata.write((tx) => {
    const row = tx.get(leasesTable, rowKey(id));
    if (row === undefined || row.expiresAt !== undefined) return;
    tx.put(leasesTable, rowKey(id), { ...row, expiresAt: new Date(Date.now() + graceHours * 3_600_000).toISOString() });
  });
}

/**
 * Nobody wants what it holds. The row stays for the sweep that must follow: it alone says which snapshotters have something of
 * an image that was never recorded. That sweep removes it.
 */
export function expireLease(tx: WriteTransaction, id: string): void {
  const row = tx.get(leasesTable, rowKey(id));
  if (row !== undefined) tx.put(leasesTable, rowKey(id), { ...row, expiresAt: new Date(0).toISOString() });
}

/** What a name keeps from now on needs no lease of a pull that was cut off; else a removal of that name would free nothing for a day. */
export function relieveCutOffLeases(
  tx: WriteTransaction,
  named: { readonly content: ReadonlySet<string>; readonly snapshots: ReadonlySet<string> },
): void {
  for (const [key, lease] of [...tx.entries(leasesTable, { prefix: rowPrefix })]) {
    if (lease.expiresAt === undefined) continue;
    const content = lease.content.filter((digest) => !named.content.has(digest));
    const snapshots = lease.snapshots.filter(({ name }) => !named.snapshots.has(name));
    if (content.length + snapshots.length === 0) tx.delete(leasesTable, key);
    else tx.put(leasesTable, key, { ...lease, content, snapshots });
  }
}

export function dropLease(tx: WriteTransaction, id: string): void {
  tx.delete(leasesTable, rowKey(id));
}
