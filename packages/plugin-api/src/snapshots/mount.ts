/**
 * What to mount, as data. Snapshotters produce them, runtimes (or a host that mounts them itself) consume them. Paths are
 * absolute and of this host. A consumer refuses a kind that it does not know.
 *
 * Several mounts are applied in order, each over the one before.
 *
 * @stable
 * @since 0.1
 */
export type Mount = BindMount | OverlayMount | LayersMount | ErofsMount | BlockMount | GenericMount;

/** A directory of the host. */
export interface BindMount {
  readonly kind: 'bind';
  readonly source: string;
  readonly readOnly: boolean;
}

/** overlayfs. Without `upper` and `work` it is read-only. */
export interface OverlayMount {
  readonly kind: 'overlay';
  /** Topmost first; at least one. */
  readonly lower: readonly string[];
  readonly upper?: string;
  readonly work?: string;
}

/**
 * Layers that are file systems themselves, put over each other by overlayfs: whoever isolates with a kernel of its own hands the images on and
 * mounts nothing. Without `upper` it is read-only.
 *
 * Snapshots that grow on one parent name the same files in `lower`, at once and in several machines: nobody writes to them. What is written goes to an `upper` of each one's own.
 */
export interface LayersMount {
  readonly kind: 'layers';
  /** Topmost first; whiteouts and opaque directories have overlay's form. None: an empty tree below. */
  readonly lower: readonly ErofsMount[];
  readonly upper?: LayersUpper;
}

/**
 * Where changes go: a writable file system whose folders `upper` and `work` are those of the overlay, or the two directories themselves.
 *
 * A file system in a file is written to by one at a time: whoever does, a mount or a virtual machine, holds an exclusive flock(2) of the file. While one has it, mounts of
 * others and a commit of the snapshot are refused with `failed-precondition`; a reader of this host may share a mount of this host. Every `mounts()` names the same file.
 *
 * A virtual machine writes every byte of it. So this host mounts an ext4 only if it still is of the one form that `@slipway/linux` names (`upperForm`: what mkfs.ext4 is given), and refuses
 * another with `failed-precondition` (IMAGE_FORGED).
 */
export type LayersUpper = BlockMount | UpperDirectories;

export interface UpperDirectories {
  readonly kind: 'directories';
  readonly upper: string;
  readonly work: string;
}

/** An EROFS image in a file, with the files that its chunks refer to. Always read-only. */
export interface ErofsMount {
  readonly kind: 'erofs';
  readonly source: string;
  readonly devices?: readonly string[];
  /** For whoever mounts it in a kernel of its own, which is to check every read. */
  readonly verity?: VerityHashes;
}

/** What dm-verity checks a file with (format 1, SHA-256, blocks of 4 KiB, no salt). */
export interface VerityHashes {
  /** A file: verity's superblock, then the tree. */
  readonly hashes: string;
  /** SHA-256 in hex. */
  readonly rootDigest: string;
}

/** A file system in a file or block device. */
export interface BlockMount {
  readonly kind: 'block';
  readonly source: string;
  readonly fstype: string;
  readonly readOnly: boolean;
}

/** Anything else that mount(8) could do. */
export interface GenericMount {
  readonly kind: 'generic';
  readonly fstype: string;
  readonly source: string;
  /** mount(8) option words without a value: `ro`, `nosuid`. */
  readonly flags: readonly string[];
  /** File system specific options, name to value; an empty value is a bare word. */
  readonly data: Readonly<Record<string, string>>;
}
