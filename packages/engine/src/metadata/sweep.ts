import { type Digest, isKind, type SnapshotInfo, type Snapshotter, step } from '@slipway/plugin-api';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { type ContentRow, contentTable } from './content.js';
import { hasExpired, leasesTable } from './leases.js';
import { garbage, mark } from './marks.js';
import { rowKey, rowPrefix } from './rows.js';
import { adoptStrays } from './strays.js';

export interface Swept {
  readonly content: readonly Digest[];
  readonly snapshots: readonly string[];
  /** Compressed bytes of the blobs. */
  readonly bytes: number;
}

/**
 * Removes blobs and committed snapshots that nothing refers to. Safe beside pulls in other processes: a blob is marked in
 * the same transaction in which it is found unreferenced, and a pull that meets a marked blob waits; a snapshot that is
 * missing is unpacked anew by whoever needs it.
 *
 * Snapshots first: the rows of the blobs tell which snapshotters there are to sweep, and the marks need room, which on a
 * full disk only the trees can give.
 */
export async function sweep(parts: EngineParts, operation: Operation): Promise<Swept> {
  await adoptStrays(parts);
  const found = parts.metadata.read((tx) => {
    const marks = mark(tx);
    return { ...garbage(tx, marks), marks };
  });
  const snapshots: string[] = [];
  for (const id of found.snapshotters) {
    const snapshotter = await usable(parts, id);
    if (snapshotter === undefined) continue;
    const removal = operation.acquire({ kind: 'snapshot-removal', snapshotter: id });
    snapshots.push(...(await sweepSnapshots(snapshotter, found.marks.snapshots.get(id) ?? new Set())));
    removal.forget();
  }
  step('sweep.snapshots', { snapshots: snapshots.length });

  const record = operation.acquire({ kind: 'deletion', digests: [...found.content] });
  const rows = await markGarbage(parts, operation, new Set(found.content));
  step('sweep.marked', { blobs: rows.length });
  await record.release();
  step('sweep.content', {});
  return {
    content: rows.map(({ digest }) => digest),
    snapshots,
    bytes: rows.reduce((sum, { row }) => sum + row.size, 0),
  };
}

/** Of the candidates those that still are garbage; leases that have run out go with them. */
function markGarbage(
  parts: EngineParts,
  operation: Operation,
  candidates: ReadonlySet<string>,
): Promise<{ readonly digest: Digest; readonly row: ContentRow }[]> {
  return parts.metadata.write((tx) => {
    const still = garbage(tx, mark(tx)).content.filter((digest) => candidates.has(digest));
    const rows = still.flatMap((digest) => {
      const row = tx.get(contentTable, rowKey(digest));
      return row === undefined ? [] : [{ digest, row }];
    });
    for (const { digest, row } of rows) tx.put(contentTable, rowKey(digest), { ...row, deletedBy: operation.id });
    const now = new Date();
    for (const [key, lease] of [...tx.entries(leasesTable, { prefix: rowPrefix })]) {
      if (hasExpired(lease, now)) tx.delete(leasesTable, key);
    }
    return rows;
  });
}

/** A snapshotter that was configured once and cannot be had now keeps what it has. */
async function usable(parts: EngineParts, id: string): Promise<Snapshotter | undefined> {
  if (!parts.snapshotters.ids.includes(id)) return undefined;
  try {
    return await parts.snapshotters.get(id);
  } catch (error) {
    parts.log.debug(`snapshots of "${id}" are left alone: ${String(error)}`);
    return undefined;
  }
}

async function sweepSnapshots(snapshotter: Snapshotter, marked: ReadonlySet<string>): Promise<string[]> {
  const all = new Map<string, SnapshotInfo>();
  for await (const info of snapshotter.walk()) all.set(info.name, info);
  const kept = new Set<string>();
  for (const info of all.values()) {
    if (info.kind === 'committed' && !marked.has(info.name)) continue;
    for (let at: SnapshotInfo | undefined = info; at !== undefined && !kept.has(at.name); at = parentOf(all, at))
      kept.add(at.name);
  }
  const removed: string[] = [];
  for (const info of childrenFirst(all)) {
    if (kept.has(info.name)) continue;
    try {
      await snapshotter.remove(info.name);
      removed.push(info.name);
    } catch (error) {
      // Another process has just built on it, or removed it.
      if (!isKind(error, 'failed-precondition', 'not-found')) throw error;
    }
  }
  return removed;
}

function parentOf(all: ReadonlyMap<string, SnapshotInfo>, info: SnapshotInfo): SnapshotInfo | undefined {
  return info.parent === undefined ? undefined : all.get(info.parent);
}

function childrenFirst(all: ReadonlyMap<string, SnapshotInfo>): SnapshotInfo[] {
  const depth = (info: SnapshotInfo): number => {
    let count = 0;
    for (let at = parentOf(all, info); at !== undefined; at = parentOf(all, at)) count++;
    return count;
  };
  return [...all.values()]
    .map((info) => ({ info, depth: depth(info) }))
    .sort((a, b) => b.depth - a.depth)
    .map(({ info }) => info);
}
