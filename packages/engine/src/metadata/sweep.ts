import { type Digest, isKind, type SystemFailure, step } from '@slipway/plugin-api';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { findGarbage, type GarbageBlob } from './garbage.js';
import { leasesTable } from './leases.js';
import { LiveMarks } from './marks.js';
import { overLeases } from './over-leases.js';
import { rowKey, rowName, rowPrefix } from './rows.js';
import { sweepContent } from './sweep-content.js';
import { failureOf } from './sweep-failure.js';
import { type SweptSnapshot, sweepSnapshots } from './sweep-snapshots.js';

export interface SweepOptions {
  /** Look everywhere, also for what no metadata tells of, and measure what goes: takes longer. */
  readonly thorough?: boolean | undefined;
  /** Also what a cut-off pull left for its retry. */
  readonly partial?: boolean | undefined;
  /** Names of images that are to be looked at as if they were removed. */
  readonly withoutImages?: ReadonlySet<string> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Swept {
  readonly content: readonly Digest[];
  readonly snapshots: readonly SweptSnapshot[];
  /** Compressed bytes of the blobs, and of the snapshots what was measured. */
  readonly bytes: number;
  readonly failures: readonly SystemFailure[];
}

/**
 * Removes blobs and committed snapshots that nothing refers to. Safe beside pulls in other processes: a blob is found
 * unreferenced in the same transaction in which it is marked, and a pull that meets a marked blob waits; a snapshot that is
 * missing is unpacked anew by whoever needs it. One thing that cannot be removed does not keep the others.
 *
 * First the blobs whose rows say that snapshots are there: one that a pull has come to need keeps its snapshots, and of the others no
 * row is left that says what is no longer so. Then snapshots, then all other blobs. On a full disk snapshots are first: to mark blobs
 * needs room, which only the trees can give.
 *
 * @param operation absent: nothing is removed, only told
 */
export async function sweep(parts: EngineParts, operation: Operation | undefined, options: SweepOptions = {}): Promise<Swept> {
  const { thorough = false, partial = false, signal } = options;
  const isOver = overLeases(parts.settings.state, { partial });
  const marks = await LiveMarks.make(parts.metadata, { isOver, withoutImages: options.withoutImages }, signal);
  const found = await findGarbage(parts, marks.current, { isOver, orphans: thorough, signal });
  step('sweep.found', { blobs: found.content.length });

  const snapshots: SweptSnapshot[] = [];
  const failures: SystemFailure[] = [];
  const content: GarbageBlob[] = [];
  const sweepBlobs = async (blobs: readonly GarbageBlob[]): Promise<void> => {
    const swept =
      operation === undefined ? { deleted: blobs, failures: [] } : await sweepContent(parts, operation, marks, blobs, signal);
    content.push(...swept.deleted);
    failures.push(...swept.failures);
  };
  const naming = found.content.filter(({ namesSnapshots }) => namesSnapshots);
  const isNoted =
    operation === undefined || naming.length === 0 || (await noteSnapshotters(parts, operation, found.snapshotters));
  if (isNoted) await sweepBlobs(naming);
  let snapshotsFailed = false;
  for (const id of thorough ? parts.snapshotters.ids : found.snapshotters) {
    const kinds = { measure: thorough, cleanUp: thorough, dryRun: operation === undefined, signal };
    const swept = await sweepSnapshots(parts, operation, marks, id, kinds);
    snapshots.push(...swept.removed);
    failures.push(...swept.failures);
    snapshotsFailed ||= swept.failures.length > 0;
  }
  step('sweep.snapshots', { snapshots: snapshots.length });

  await sweepBlobs(isNoted ? found.content.filter(({ namesSnapshots }) => !namesSnapshots) : found.content);
  if (operation !== undefined && !snapshotsFailed)
    await dropOverLeases(parts, isOver).catch((error: unknown) => failures.push(failureOf(parts.log, 'leases', error)));
  return {
    content: content.map(({ digest }) => digest),
    snapshots,
    bytes: [...content.map(({ size }) => size), ...snapshots.map(({ bytes }) => bytes)].reduce((sum, one) => sum + one, 0),
    failures,
  };
}

/**
 * The rows that tell of snapshotters go first; should we be killed then, a lease that has run out tells the next sweep.
 *
 * @returns false when there is no room for it
 */
async function noteSnapshotters(parts: EngineParts, operation: Operation, snapshotters: ReadonlySet<string>): Promise<boolean> {
  const row = {
    createdAt: new Date().toISOString(),
    expiresAt: new Date(0).toISOString(),
    content: [],
    snapshots: [...snapshotters].map((snapshotter) => ({ snapshotter, name: '' })),
  };
  try {
    await parts.metadata.write((tx) => tx.put(leasesTable, rowKey(`sweep-of-${operation.id}`), row));
    return true;
  } catch (error) {
    if (isKind(error, 'resource-exhausted')) return false;
    throw error;
  }
}

/** After what they kept is gone: of a blob without a row, and of a snapshotter that no row speaks of, they alone tell. */
async function dropOverLeases(parts: EngineParts, isOver: ReturnType<typeof overLeases>): Promise<void> {
  const over = parts.metadata.read((tx) =>
    [...tx.entries(leasesTable, { prefix: rowPrefix })].filter(([key, lease]) => isOver(rowName(key), lease)),
  );
  if (over.length === 0) return;
  await parts.metadata.write((tx) => {
    for (const [key] of over) {
      const lease = tx.get(leasesTable, key);
      if (lease !== undefined && isOver(rowName(key), lease)) tx.delete(leasesTable, key);
    }
  });
}
