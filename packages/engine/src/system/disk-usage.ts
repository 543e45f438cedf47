import type { DiskUsage, SystemOptions, UsageRow } from '@slipway/plugin-api';
import { allContainers } from '../containers/find.js';
import { containerState } from '../containers/state.js';
import { imageUsers } from '../images/users.js';
import { contentTable } from '../metadata/content.js';
import { findGarbage } from '../metadata/garbage.js';
import { imagesTable } from '../metadata/images.js';
import { LiveMarks } from '../metadata/marks.js';
import { overLeases } from '../metadata/over-leases.js';
import { rowName, rowPrefix } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';
import { leftIngests } from './ingests.js';
import { snapshotsWith } from './snapshots.js';

export async function diskUsage(parts: EngineParts, { signal }: SystemOptions = {}): Promise<DiskUsage> {
  const isOver = overLeases(parts.settings.state, { partial: false });
  const marks = (await LiveMarks.make(parts.metadata, { isOver }, signal)).current;
  const garbage = (await findGarbage(parts, marks, { isOver, orphans: true, signal })).content;
  const sizes = contentSizes(parts);
  for (const { digest, size } of garbage) sizes.set(digest, size);

  const names = parts.metadata.read((tx) => [...tx.entries(imagesTable, { prefix: rowPrefix })].map(([key]) => rowName(key)));
  const users = parts.metadata.read(imageUsers);
  const withoutImages = new Set(names);
  const unnamed = (await LiveMarks.make(parts.metadata, { isOver, withoutImages }, signal)).current;
  const unused = new Set(names.filter((name) => !users.has(name)));
  const inUse = (await LiveMarks.make(parts.metadata, { isOver, withoutImages: unused }, signal)).current;

  const snapshots = await snapshotsWith(parts, marks, { usage: true, signal });
  const containers = await containerSnapshots(parts);
  const stateOf = ({ snapshotter, name }: (typeof snapshots)[number]): boolean | undefined =>
    containers.get(`${snapshotter}/${name}`);
  const rows = snapshots.map((snapshot) => ({ ...snapshot, bytes: snapshot.usage?.bytes ?? 0 }));

  const ingests = await parts.store.listStatuses();
  const left = await leftIngests(parts, { partial: false });
  return {
    images: {
      count: names.length,
      active: names.length - unused.size,
      bytes: sumOf(sizes, (digest) => marks.content.has(digest) && !unnamed.content.has(digest)),
      reclaimable: sumOf(sizes, (digest) => marks.content.has(digest) && !inUse.content.has(digest)),
    },
    content: {
      count: sizes.size,
      active: sizes.size - garbage.length,
      bytes: sumOf(sizes, () => true),
      reclaimable: garbage.reduce((sum, { size }) => sum + size, 0),
    },
    snapshots: usageOf(rows.filter((row) => stateOf(row) === undefined)),
    containers: usageOf(rows.flatMap((row) => (stateOf(row) === undefined ? [] : { ...row, used: stateOf(row) === true }))),
    ingests: {
      count: ingests.length,
      active: ingests.length - left.length,
      bytes: ingests.reduce((sum, { offset }) => sum + offset, 0),
      reclaimable: left.reduce((sum, { offset }) => sum + offset, 0),
    },
  };
}

function contentSizes({ metadata }: EngineParts): Map<string, number> {
  return metadata.read(
    (tx) => new Map([...tx.entries(contentTable, { prefix: rowPrefix })].map(([key, { size }]) => [rowName(key), size])),
  );
}

/** The layers that containers write to, as `snapshotter/key`, and whether the container runs. */
async function containerSnapshots(parts: EngineParts): Promise<Map<string, boolean>> {
  const found = allContainers(parts);
  const states = await Promise.all(found.map((container) => containerState(parts, container)));
  return new Map(
    found.map(({ row }, index) => {
      const status = states[index]?.status;
      return [`${row.snapshotter}/${row.snapshotKey}`, status !== 'created' && status !== 'exited'];
    }),
  );
}

function sumOf(sizes: ReadonlyMap<string, number>, counts: (digest: string) => boolean): number {
  let sum = 0;
  for (const [digest, size] of sizes) if (counts(digest)) sum += size;
  return sum;
}

function usageOf(rows: readonly { readonly bytes: number; readonly used: boolean }[]): UsageRow {
  const sum = (some: typeof rows): number => some.reduce((bytes, row) => bytes + row.bytes, 0);
  return {
    count: rows.length,
    active: rows.filter(({ used }) => used).length,
    bytes: sum(rows),
    reclaimable: sum(rows.filter(({ used }) => !used)),
  };
}
