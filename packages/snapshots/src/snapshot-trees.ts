import type { LayerTarget, LayerTree, Mount, SnapshotKind } from '@slipway/plugin-api';
import type { TreeJobs } from './tree-jobs.js';

/** A snapshot's folders, as its snapshotter sees them. */
export interface SnapshotPlace {
  readonly kind: SnapshotKind;
  /** Its own folder. `fs` inside is the tree and is there from the start (0755 root:root). */
  readonly folder: string;
  readonly tree: string;
  /** Trees of the committed snapshots below, topmost first. */
  readonly parents: readonly string[];
}

/** What differs between snapshotters that keep a directory for each snapshot. */
export interface SnapshotTrees {
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
  /** Removes what a committed snapshot no longer needs. It may be cut short: nothing depends on it. */
  settle(place: SnapshotPlace, jobs: TreeJobs): Promise<void>;
}
