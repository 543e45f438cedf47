import { definePoint } from '../point.js';
import type { LayerTarget, LayerTree } from './layer-target.js';
import type { Mount } from './mount.js';

export type * from './layer-target.js';
export type * from './mount.js';

/**
 * # Snapshotter: file trees that grow on each other
 *
 * ```
 *            prepare(key, parent)                 commit(name, key)
 *  parent ------------------------> active(key) --------------------> committed(name) --> parent of the next
 *         \  view(key, parent)                                           |
 *          ----------------------> view(key)                             |  remove(name): only without children
 * ```
 * - **key** names an active snapshot or a view; **name** names a committed one; both live in one key space.
 * - **parent** is the name of a committed snapshot; without one the tree starts empty (root directory 0755 root:root).
 * - Of an image layer the name is its *chain ID*: ChainID(1) = DiffID(1), ChainID(n) = sha256(ChainID(n-1) " " DiffID(n)).
 * - **mounts** are data: what to mount, in order, to see the tree. The snapshotter itself mounts nothing.
 *
 * Laws (containerd's snapshotter semantics):
 * 1. An active snapshot shows its parent's tree; changes to it are seen in no other snapshot.
 * 2. `commit` consumes the key: afterwards `stat(key)` is `not-found`. The committed tree is what the active one was.
 * 3. A key or name that is taken: `already-exists`. A parent that is missing: `not-found`. An active snapshot or a view as a parent:
 *    `invalid-argument`. Committing a view: `failed-precondition`.
 * 4. `remove` of a snapshot with children: `failed-precondition`. Of a missing one: `not-found`.
 * 5. A committed snapshot is recorded only after its files are on disk (one syncfs): power loss never leaves a name with holes.
 * 6. After a crash anywhere, every key that `walk` shows is whole; folders without a key are removed by `cleanup`.
 * 7. Several processes may work at once; of two that prepare one key exactly one succeeds.
 * 8. Keys and names are opaque strings of 1 to 512 characters; they never become part of a path.
 * 9. Capability `rebase`: `commit` with a parent puts an active snapshot that was prepared without one onto a committed one. The
 *    snapshotter only records it; that the tree is right on that parent is the work of `differ.stage`. So layers can be
 *    unpacked side by side. Without the capability such a commit is `unimplemented`.
 *
 * ```ts
 * await snapshots.prepare(key, parentChainId);
 * await differ.apply(layer, await snapshots.layerTarget(key));
 * await snapshots.commit(chainId, key);
 * ```
 *
 * The manifest declares `produces` (kinds of mounts) and `layerTarget` (the format of {@link LayerTarget}).
 *
 * @stable
 * @since 0.1
 */
export interface Snapshotter {
  /** Errors: `not-found`. */
  stat(key: string): Promise<SnapshotInfo>;
  /** Replaces the labels. Errors: `not-found`. */
  update(key: string, labels: Readonly<Record<string, string>>): Promise<SnapshotInfo>;
  /** What the snapshot itself takes on disk, without its parents. Errors: `not-found`. */
  usage(key: string): Promise<SnapshotUsage>;
  /** Mounts of an active snapshot or a view. Errors: `not-found`; `failed-precondition` for a committed one. */
  mounts(key: string): Promise<readonly Mount[]>;
  /** Where, and in which form, a layer is applied to an active snapshot. Errors: as `mounts`; `failed-precondition` for a view. */
  layerTarget(key: string): Promise<LayerTarget>;
  /**
   * What the tree of a snapshot of any kind is made of, topmost first: a layer is compared with it or put on it. Read-only, and only for as
   * long as the snapshot is there. Errors: `not-found`.
   */
  trees(key: string): Promise<readonly LayerTree[]>;
  /** Makes an active snapshot. Errors: `already-exists`, `not-found`, `invalid-argument`; `data-loss` when the files of a parent are gone. */
  prepare(key: string, parent?: string, options?: PrepareOptions): Promise<readonly Mount[]>;
  /** Makes a read-only view. Errors: as `prepare`. */
  view(key: string, parent?: string, options?: PrepareOptions): Promise<readonly Mount[]>;
  /**
   * Errors: `already-exists` (the active snapshot stays; remove it), `not-found`, `failed-precondition`. With `parent` also as
   * `prepare` says of parents, `failed-precondition` when the snapshot has a parent already, and `unimplemented`.
   */
  commit(name: string, key: string, options?: CommitOptions): Promise<void>;
  /** Errors: `not-found`, `failed-precondition`. */
  remove(key: string): Promise<void>;
  /** All snapshots, in key order, as of one moment. */
  walk(): AsyncIterable<SnapshotInfo>;
  /** Frees what removed or crashed snapshots left on disk. Safe beside other processes. Idempotent. */
  cleanup(): Promise<void>;
}

export const snapshotterPoint = definePoint<Snapshotter>('snapshotter.v1');

export type SnapshotKind = 'view' | 'active' | 'committed';

export interface SnapshotInfo {
  readonly kind: SnapshotKind;
  /** The key or the name. */
  readonly name: string;
  readonly parent?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface SnapshotUsage {
  /** Bytes allocated. */
  readonly bytes: number;
  readonly inodes: number;
}

export interface PrepareOptions {
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface CommitOptions extends PrepareOptions {
  /** Capability `rebase`: what the snapshot, prepared without a parent, grows on from now on. */
  readonly parent?: string | undefined;
}
