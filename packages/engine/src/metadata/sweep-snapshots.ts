import {
  isKind,
  isSlipwayError,
  type SnapshotInfo,
  type Snapshotter,
  type SystemFailure,
  step,
  throwIfAborted,
} from '@slipway/plugin-api';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import type { LiveMarks } from './marks.js';
import { lockRemoval } from './removal-lock.js';
import { failureOf } from './sweep-failure.js';

export interface SweptSnapshot {
  readonly snapshotter: string;
  readonly name: string;
  /** On disk; 0 when nobody asked. */
  readonly bytes: number;
}

export interface SweptSnapshots {
  readonly removed: SweptSnapshot[];
  readonly failures: SystemFailure[];
}

export interface SweepSnapshotsOptions {
  /** Tell how much room each took, which reads all of it. */
  readonly measure: boolean;
  /** Also the folders that no snapshot has (any more). */
  readonly cleanUp: boolean;
  readonly dryRun: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Committed snapshots without a mark that nothing grows on, in one snapshotter; with the last of them goes what it grew on. */
export async function sweepSnapshots(
  parts: EngineParts,
  operation: Operation | undefined,
  marks: LiveMarks,
  id: string,
  options: SweepSnapshotsOptions,
): Promise<SweptSnapshots> {
  const swept: SweptSnapshots = { removed: [], failures: [] };
  const fail = (what: string, error: unknown): unknown => swept.failures.push(failureOf(parts.log, what, error));
  const isNeeded = async (name: string): Promise<boolean> => {
    await catchUp(parts, marks);
    return marks.current.snapshots.get(id)?.has(name) === true;
  };
  let removal: { forget(): void } | undefined;
  try {
    const snapshotter = await usableSnapshotter(parts, id);
    if (snapshotter === undefined) return swept;
    removal = operation?.acquire({ kind: 'snapshot-removal', snapshotter: id });
    const leaves = await unneeded(snapshotter, marks.current.snapshots.get(id) ?? new Set());
    for (let info = leaves.next(); info !== undefined; info = leaves.next()) {
      throwIfAborted('remove snapshots', options.signal);
      if (await isNeeded(info.name)) continue;
      const bytes = options.measure ? await bytesOf(snapshotter, info.name) : 0;
      try {
        if (!options.dryRun) {
          using _lock = lockRemoval(parts.settings.root, { snapshotter: id, name: info.name });
          // Somebody may have come to need it since. Who does so from now on waits for the lock before looking whether it is there.
          if (await isNeeded(info.name)) continue;
          step('sweep.unneeded', { snapshotter: id, name: info.name });
          await snapshotter.remove(info.name);
        }
        swept.removed.push({ snapshotter: id, name: info.name, bytes });
        leaves.removed(info);
      } catch (error) {
        // Another process has just built on it, or removed it.
        if (!isKind(error, 'failed-precondition', 'not-found')) fail(`snapshot "${info.name}" of "${id}"`, error);
      }
    }
    if (options.cleanUp && !options.dryRun) await snapshotter.cleanup();
    if (swept.failures.length === 0) removal?.forget();
  } catch (error) {
    if (isKind(error, 'canceled')) throw error;
    fail(`snapshots of "${id}"`, error);
  }
  return swept;
}

/** A snapshotter that this host cannot run, or that was configured once and is no more, keeps what it has. */
export async function usableSnapshotter(parts: EngineParts, id: string): Promise<Snapshotter | undefined> {
  if (!parts.snapshotters.ids.includes(id)) return undefined;
  try {
    return await parts.snapshotters.get(id);
  } catch (error) {
    if (!isSlipwayError(error) || error.code !== 'PLUGIN_SKIPPED') throw error;
    parts.log.debug(`snapshots of "${id}" are left alone: ${error.message}`);
    return undefined;
  }
}

/** Those with a mark, all that is being worked on, and what they grow on. */
export function neededSnapshots(all: ReadonlyMap<string, SnapshotInfo>, marked: ReadonlySet<string>): Set<string> {
  const needed = new Set<string>();
  for (const info of all.values()) {
    if (info.kind === 'committed' && !marked.has(info.name)) continue;
    for (let at: SnapshotInfo | undefined = info; at !== undefined && !needed.has(at.name); ) {
      needed.add(at.name);
      at = at.parent === undefined ? undefined : all.get(at.parent);
    }
  }
  return needed;
}

export async function allSnapshots(snapshotter: Snapshotter): Promise<Map<string, SnapshotInfo>> {
  const all = new Map<string, SnapshotInfo>();
  for await (const info of snapshotter.walk()) all.set(info.name, info);
  return all;
}

/** Children before what they grow on: a parent has its turn when its last child is gone, and none while a child stays. */
async function unneeded(
  snapshotter: Snapshotter,
  marked: ReadonlySet<string>,
): Promise<{ next(): SnapshotInfo | undefined; removed(info: SnapshotInfo): void }> {
  const all = await allSnapshots(snapshotter);
  const needed = neededSnapshots(all, marked);
  const children = new Map<string, number>();
  for (const { parent } of all.values()) if (parent !== undefined) children.set(parent, (children.get(parent) ?? 0) + 1);
  const leaves = [...all.values()].filter(({ name }) => !needed.has(name) && !children.has(name));
  return {
    next: () => leaves.pop(),
    removed: ({ parent }) => {
      const info = parent === undefined || needed.has(parent) ? undefined : all.get(parent);
      if (info === undefined) return;
      const left = (children.get(info.name) ?? 0) - 1;
      children.set(info.name, left);
      if (left === 0) leaves.push(info);
    },
  };
}

async function catchUp(parts: EngineParts, marks: LiveMarks): Promise<void> {
  while (!parts.metadata.read((tx) => marks.catchUp(tx))) await marks.renew();
}

/** 0 for one that cannot be measured: that does not keep it from being removed. */
async function bytesOf(snapshotter: Snapshotter, name: string): Promise<number> {
  try {
    return (await snapshotter.usage(name)).bytes;
  } catch {
    return 0;
  }
}
