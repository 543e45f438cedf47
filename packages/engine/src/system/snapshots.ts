import {
  isKind,
  type SnapshotDetails,
  type SnapshotsOptions,
  type Snapshotter,
  type SnapshotUsage,
  throwIfAborted,
} from '@slipway/plugin-api';
import { LiveMarks, type Marks } from '../metadata/marks.js';
import { allSnapshots, neededSnapshots, usableSnapshotter } from '../metadata/sweep-snapshots.js';
import type { EngineParts } from '../settings.js';

export async function listSnapshots(parts: EngineParts, options: SnapshotsOptions = {}): Promise<readonly SnapshotDetails[]> {
  const marks = (await LiveMarks.make(parts.metadata, {}, options.signal)).current;
  return snapshotsWith(parts, marks, options);
}

export async function snapshotsWith(parts: EngineParts, marks: Marks, options: SnapshotsOptions): Promise<SnapshotDetails[]> {
  const details: SnapshotDetails[] = [];
  for (const id of parts.snapshotters.ids) {
    const snapshotter = await usableSnapshotter(parts, id);
    if (snapshotter === undefined) continue;
    const all = await allSnapshots(snapshotter);
    const needed = neededSnapshots(all, marks.snapshots.get(id) ?? new Set());
    for (const info of all.values()) {
      throwIfAborted('list snapshots', options.signal);
      const usage = options.usage === true ? await usageOf(snapshotter, info.name) : {};
      if (usage !== undefined) details.push({ snapshotter: id, ...info, used: needed.has(info.name), ...usage });
    }
  }
  return details;
}

/** Undefined when it was removed in this moment. */
async function usageOf(snapshotter: Snapshotter, name: string): Promise<{ readonly usage: SnapshotUsage } | undefined> {
  try {
    return { usage: await snapshotter.usage(name) };
  } catch (error) {
    if (isKind(error, 'not-found')) return undefined;
    throw error;
  }
}
