import type { ReadTransaction } from '@slipway/plugin-api';
import { containersTable } from './containers.js';
import { contentTable } from './content.js';
import { imagesTable } from './images.js';
import { contentRefs, snapshotRefs } from './labels.js';
import { hasExpired, leasesTable } from './leases.js';
import { rowName, rowPrefix } from './rows.js';

export interface Marks {
  readonly content: ReadonlySet<string>;
  /** Per snapshotter: names that are needed; what they grow on is needed through them. */
  readonly snapshots: ReadonlyMap<string, ReadonlySet<string>>;
}

/** All that names, containers and leases reach over the labels of the rows. What has no mark is garbage. */
export function mark(tx: ReadTransaction, now = new Date()): Marks {
  const content = new Set<string>();
  const snapshots = new Map<string, Set<string>>();
  const markSnapshot = (snapshotter: string, name: string): void => {
    const names = snapshots.get(snapshotter) ?? new Set();
    snapshots.set(snapshotter, names.add(name));
  };

  const pending: string[] = [];
  for (const [, image] of tx.entries(imagesTable, { prefix: rowPrefix })) pending.push(image.target.digest);
  for (const [, container] of tx.entries(containersTable, { prefix: rowPrefix })) {
    pending.push(container.manifest);
    if (container.chainId !== null) markSnapshot(container.snapshotter, container.chainId);
  }
  for (const [, lease] of tx.entries(leasesTable, { prefix: rowPrefix })) {
    if (hasExpired(lease, now)) continue;
    pending.push(...lease.content);
    for (const { snapshotter, name } of lease.snapshots) markSnapshot(snapshotter, name);
  }

  for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
    if (content.has(digest)) continue;
    content.add(digest);
    const labels = tx.get(contentTable, rowPrefix + digest)?.labels ?? {};
    pending.push(...contentRefs(labels));
    for (const { snapshotter, name } of snapshotRefs(labels)) markSnapshot(snapshotter, name);
  }
  return { content, snapshots };
}

export interface Garbage {
  readonly content: readonly string[];
  /** Ids of all snapshotters that any row speaks of. */
  readonly snapshotters: readonly string[];
}

export function garbage(tx: ReadTransaction, marks: Marks): Garbage {
  const content: string[] = [];
  const snapshotters = new Set(marks.snapshots.keys());
  for (const [key, row] of tx.entries(contentTable, { prefix: rowPrefix })) {
    if (!marks.content.has(rowName(key))) content.push(rowName(key));
    for (const { snapshotter } of snapshotRefs(row.labels)) snapshotters.add(snapshotter);
  }
  for (const [, lease] of tx.entries(leasesTable, { prefix: rowPrefix })) {
    for (const { snapshotter } of lease.snapshots) snapshotters.add(snapshotter);
  }
  return { content, snapshotters: [...snapshotters] };
}
