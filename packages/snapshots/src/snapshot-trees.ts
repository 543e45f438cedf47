import type { LayerTarget, LayerTree, Mount, SnapshotKind, SnapshotUsage } from '@slipway/plugin-api';
import type { TreeJobs } from './tree-jobs.js';

/** A snapshot's folders, as its snapshotter sees them. */
export interface SnapshotPlace {
  readonly kind: SnapshotKind;
  /** Its own folder. */
  readonly folder: string;
  /** What it is, in there: {@link TreeNames}. */
  readonly tree: string;
  /** Trees of the committed snapshots below, topmost first. */
  readonly parents: readonly string[];
}

/** Names in a snapshot's folder of what it is while it is active or a view, and once it is committed. */
export interface TreeNames {
  readonly active: string;
  readonly committed: string;
}

/** What differs between snapshotters that keep a folder for each snapshot. */
export interface SnapshotTrees {
  /** Absent: `fs`, a directory that is there (0755 root:root) before {@link fill}. */
  readonly names?: TreeNames;
  /** Fills a new snapshot's folder. Everything is on disk when it is done. */
  fill(place: SnapshotPlace, jobs: TreeJobs): Promise<void>;
  /** Called only for active snapshots and views. */
  mounts(place: SnapshotPlace): readonly Mount[];
  /** What the snapshot, of any kind, is made of, topmost first. */
  trees(place: SnapshotPlace): readonly LayerTree[];
  /** Called only for active snapshots. */
  layerTarget(place: SnapshotPlace): LayerTarget;
  /**
   * Capability `rebase`, absent without it: refuses parents that a tree which was made without any cannot be put onto by writing
   * them down.
   */
  checkRebase?(place: SnapshotPlace): void;
  /**
   * Makes of an active snapshot what a committed one is, and leaves the active one as it is: it stays one when this fails or the process is
   * killed. Nobody else is at it meanwhile. Everything is on disk when it is done. Absent: the tree is that already, and is flushed.
   */
  seal?(place: SnapshotPlace, jobs: TreeJobs): Promise<void>;
  /** What the snapshot takes on disk. Absent: what its tree does. */
  usage?(place: SnapshotPlace, jobs: TreeJobs): Promise<SnapshotUsage>;
  /** Removes what a committed snapshot no longer needs. It may be cut short: nothing depends on it. */
  settle(place: SnapshotPlace, jobs: TreeJobs): Promise<void>;
}
