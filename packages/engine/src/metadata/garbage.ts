import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Digest, isKind, type ReadTransaction, throwIfAborted } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { type ContentRow, contentTable } from './content.js';
import { snapshotRefs } from './labels.js';
import { type LeaseRow, leasesTable } from './leases.js';
import type { Marks } from './marks.js';
import { rowKey, rowName, rowPrefix } from './rows.js';

export interface GarbageBlob {
  readonly digest: Digest;
  readonly size: number;
  /** It is in the store alone. */
  readonly isRowless: boolean;
  /** Its row says that snapshots are there. */
  readonly namesSnapshots: boolean;
}

export interface Garbage {
  readonly content: readonly GarbageBlob[];
  /** Ids of all snapshotters that any row speaks of. */
  readonly snapshotters: ReadonlySet<string>;
}

export interface GarbageOptions {
  readonly isOver: (id: string, lease: LeaseRow) => boolean;
  /** Look for blobs in the store that no row knows, wherever they come from; else only for those that a lease tells of. */
  readonly orphans: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Parts of the table that are read in one turn of the event loop: by the algorithm and the first digit of digests. */
const parts = ['sha256', 'sha512'].flatMap((algorithm) =>
  [...'0123456789abcdef'].map((digit) => `${rowPrefix}${algorithm}:${digit}`),
);

/** Blobs without a mark. Rows first: on a full disk what only needs its row changed makes the room for the others. */
export async function findGarbage(engine: EngineParts, marks: Marks, options: GarbageOptions): Promise<Garbage> {
  // Before the rows are read: a blob that is committed and recorded in between has its row by then.
  const rowless = options.orphans ? await allInStore(engine, options.signal) : await leasedInStore(engine, options);
  const content: GarbageBlob[] = [];
  const snapshotters = new Set(marks.snapshots.keys());
  for (const prefix of parts) {
    throwIfAborted('look for garbage', options.signal);
    engine.metadata.read((tx) => {
      for (const [key, row] of tx.entries(contentTable, { prefix })) {
        const digest = rowName(key);
        rowless.delete(digest);
        const snapshots = snapshotRefs(row.labels);
        for (const { snapshotter } of snapshots) snapshotters.add(snapshotter);
        if (!isGarbage(row, marks, digest)) continue;
        content.push({ digest, size: row.size, isRowless: false, namesSnapshots: snapshots.length > 0 });
      }
    });
    await nextTurn();
  }
  for (const [, lease] of engine.metadata.read((tx) => [...tx.entries(leasesTable, { prefix: rowPrefix })])) {
    for (const { snapshotter } of lease.snapshots) snapshotters.add(snapshotter);
  }
  for (const [digest, size] of rowless) {
    if (!marks.content.has(digest)) content.push({ digest, size, isRowless: true, namesSnapshots: false });
  }
  return { content, snapshotters };
}

/** What is marked to be deleted goes, though somebody may wait for it to come back: it must be gone first. */
export function isGarbage(row: ContentRow, marks: Marks, digest: Digest): boolean {
  return row.deletedBy !== undefined || !marks.content.has(digest);
}

async function allInStore({ store }: EngineParts, signal: AbortSignal | undefined): Promise<Map<Digest, number>> {
  const sizes = new Map<Digest, number>();
  for await (const { digest, size } of store.walk()) {
    throwIfAborted('look for garbage', signal);
    sizes.set(digest, size);
  }
  return sizes;
}

/**
 * A blob whose operation was killed before it wrote the row, or had no room for it, is in the store and nowhere in metadata;
 * the operation's lease knows of it.
 */
async function leasedInStore({ metadata, store }: EngineParts, { isOver }: GarbageOptions): Promise<Map<Digest, number>> {
  const digests = metadata.read((tx) => rowlessOfOverLeases(tx, isOver));
  const sizes = new Map<Digest, number>();
  for (const digest of digests) {
    try {
      sizes.set(digest, (await store.info(digest)).size);
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error;
    }
  }
  return sizes;
}

function rowlessOfOverLeases(tx: ReadTransaction, isOver: GarbageOptions['isOver']): Set<Digest> {
  const digests = new Set<Digest>();
  for (const [key, lease] of tx.entries(leasesTable, { prefix: rowPrefix })) {
    if (!isOver(rowName(key), lease)) continue;
    for (const digest of lease.content) if (tx.get(contentTable, rowKey(digest)) === undefined) digests.add(digest);
  }
  return digests;
}
