import type { Descriptor, Digest } from '../oci/index.js';
import type { SnapshotInfo, SnapshotUsage } from '../snapshots/index.js';

/**
 * What is kept, how much room it takes, whether it is whole, and how to be rid of it.
 *
 * @stable
 * @since 0.1
 */
export interface System {
  /** Blobs that are here, by digest. */
  content(): Promise<readonly ContentDetails[]>;
  /** Snapshots of every snapshotter that can be had, in key order per snapshotter. */
  snapshots(options?: SnapshotsOptions): Promise<readonly SnapshotDetails[]>;
  diskUsage(options?: SystemOptions): Promise<DiskUsage>;
  /**
   * Removes what nothing refers to. What is being pulled or run, here or in other processes, stays. One thing that cannot be removed
   * does not keep the others: it is told in `failures`.
   */
  prune(options?: PruneOptions): Promise<Pruned>;
  /**
   * Reads every blob again and compares it with its digest, and every snapshot of an image with what its layer says. Errors: only what keeps it
   * from looking, and `not-found` for a name; what it finds is in the report. With `repair` a blob is brought in again from where its image came
   * from, and replaced when that is verified; a snapshot is removed with all that grows on it and unpacked again, unless something uses it.
   */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  /** Makes the books anew from what the content store has: for a metadata store that was lost. Names come from their copy on disk. */
  rebuild(options?: SystemOptions): Promise<RebuildReport>;
  /**
   * Releases what one operation has left that was killed, or whose container has ended when nobody was there: `run-<id>`. Every other call does so first, for all of them. What is
   * held by someone, or runs, is left alone, and what is not there is no error.
   */
  recover(operation: string): Promise<void>;
}

export interface SystemOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface SnapshotsOptions extends SystemOptions {
  /** Also measure each snapshot, which reads all of it. */
  readonly usage?: boolean | undefined;
}

export interface ContentDetails {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  /** A name, a container or a lease reaches it; what is not is removed by `prune`. */
  readonly used: boolean;
}

export interface SnapshotDetails extends SnapshotInfo {
  readonly snapshotter: string;
  readonly used: boolean;
  readonly usage?: SnapshotUsage;
}

export interface DiskUsage {
  /** By name; active: a container uses it, or it is mounted. Their bytes are content's too. `reclaimable` is what `prune` with `all` would free of content. */
  readonly images: UsageRow;
  /** All blobs on disk, also those that no metadata knows. */
  readonly content: UsageRow;
  /** Without those that containers write to. */
  readonly snapshots: UsageRow;
  /** What containers have written. */
  readonly containers: UsageRow;
  /** Downloads that were cut off and can be resumed. Active: within their time of grace. */
  readonly ingests: UsageRow;
}

export interface UsageRow {
  readonly count: number;
  /** Of these, in use: named, or needed by what is. */
  readonly active: number;
  readonly bytes: number;
  /** What `prune` would free. */
  readonly reclaimable: number;
}

export interface PruneOptions extends SystemOptions {
  /** Also remove the names of images that no container uses. */
  readonly all?: boolean | undefined;
  /** Also what a cut-off pull left for its retry, within its time of grace. */
  readonly partial?: boolean | undefined;
  /** Only say what would go. */
  readonly dryRun?: boolean | undefined;
}

export interface Pruned {
  readonly images: readonly string[];
  readonly content: readonly Digest[];
  readonly snapshots: readonly { readonly snapshotter: string; readonly name: string }[];
  readonly ingests: readonly string[];
  /** Bytes freed on disk, as far as it is known. */
  readonly bytes: number;
  readonly failures: readonly SystemFailure[];
}

export interface SystemFailure {
  /** `blob "sha256:..."`, `snapshot "..." of "overlay"`. */
  readonly what: string;
  readonly kind: string;
  readonly code: string;
  readonly message: string;
}

export interface VerifyOptions extends SystemOptions {
  /** Names of images; all that is here when absent. */
  readonly images?: readonly string[] | undefined;
  /** Bring in again what is damaged or missing. */
  readonly repair?: boolean | undefined;
  readonly onProgress?: ((event: VerifyProgress) => void) | undefined;
}

/** Of blobs bytes are counted, over all blobs; of snapshots how many are done. Repairs are told as they begin. */
export type VerifyProgress =
  | { readonly type: 'blob'; readonly digest: Digest; readonly current: number; readonly total: number }
  | { readonly type: 'snapshot'; readonly name: string; readonly current: number; readonly total: number }
  | { readonly type: 'repair'; readonly what: 'blob' | 'snapshot'; readonly name: string };

export interface VerifyReport {
  readonly blobs: number;
  readonly snapshots: number;
  readonly bytes: number;
  readonly problems: readonly VerifyProblem[];
  /** What could not be compared with its layer, because that is not here: no problem in itself. `repair` brings the layer in. */
  readonly unchecked: readonly UncheckedSnapshot[];
}

export interface UncheckedSnapshot {
  readonly snapshotter: string;
  readonly name: string;
  readonly message: string;
  /** Names of the images that need it. */
  readonly images: readonly string[];
}

export interface VerifyProblem {
  readonly what: 'blob' | 'snapshot';
  readonly name: string;
  /** Snapshots only. */
  readonly snapshotter?: string;
  readonly problem: 'missing' | 'damaged' | 'unreadable';
  /** Found against expected, for a snapshot the first paths that differ; and why it could not be repaired. */
  readonly message: string;
  /** Names of the images that need it. */
  readonly images: readonly string[];
  readonly repaired: boolean;
}

export interface RebuildReport {
  readonly blobs: number;
  /** Blobs whose bytes are not those of their digest; they were left where they are, and are in no book. */
  readonly damaged: readonly Digest[];
  readonly images: readonly { readonly name: string; readonly target: Descriptor }[];
  /** Names whose target is not (wholly) here: pull them again. */
  readonly lost: readonly string[];
  /** There is content, and nothing that says what it is called: neither the copy of the names nor metadata that can be read. Only content is in the books. */
  readonly namesUnknown: boolean;
}
