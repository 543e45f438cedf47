import type { LinuxSystem } from '@slipway/linux';
import type { ByteString } from '../bytes.js';
import type { Xattr } from '../tar/entry.js';
import type { Attributes } from '../tree/attributes.js';

/**
 * Where the bytes of files are.
 * - `flat`: in the image, in blocks of 4 KiB: one file that is a whole disk. Linux 5.15 or newer.
 * - `tar-index`: in an uncompressed tar archive beside it, which is device 1 of the mount; blocks of 512 bytes. Linux 6.4 or newer.
 */
export type ErofsForm = 'flat' | 'tar-index';

export type ErofsType = 'file' | 'directory' | 'symlink' | 'fifo' | 'character' | 'block' | 'socket';

/** An inode of an image that is being written; valid for that writer only. A plain number, because a layer may have millions. */
export type ErofsInode = number & { readonly erofsInode: unique symbol };

/** Where in an image, or in its tar archive, a file's bytes are. */
export type ErofsData =
  | { readonly kind: 'empty' }
  /** One piece from block `start` on. `tail`: where the writer keeps the bytes after the last whole block, to put them behind the inode. */
  | { readonly kind: 'flat'; readonly start: number; readonly size: number; readonly tail: number | undefined }
  /** One block address for each chunk of `1 << chunkBits` blocks, {@link erofsHole} for one of zeros. */
  | { readonly kind: 'chunks'; readonly size: number; readonly chunkBits: number; readonly starts: Uint32Array }
  /** In the tar archive, from a byte offset that is a multiple of 512. */
  | { readonly kind: 'tar'; readonly offset: number; readonly size: number };

export interface ErofsWriterOptions {
  readonly form: ErofsForm;
  /** Of the root. */
  readonly root: Attributes;
  /** What the image is of, say a digest: with the metadata it decides the UUID. The same calls with the same identity give the same bytes. */
  readonly identity?: string | undefined;
}

/**
 * Writes one image, from first to last: bytes of files go to disk as they come, attributes and names are kept and written by `finish`, the
 * superblock after all. It is synchronous: run it in a worker. All names are single names, never paths.
 *
 * Errors: `invalid-argument` (EROFS_CANNOT_HOLD) for what the format has no room for: extended attributes outside of `user.`, `trusted.`,
 * `security.` and the two access control lists, values of 64 KiB (65,535 bytes is the most), link targets over 4,095 bytes, device numbers over
 * 12 and 20 bits; `resource-exhausted` (EROFS_TOO_LARGE) for images over 16 TiB and metadata past what is sensible; of the file system.
 */
export interface ErofsImageWriter {
  readonly form: ErofsForm;
  readonly root: ErofsInode;

  /** Begins a file of so many bytes. One at a time; a file that gets no name, or loses it, leaves its bytes unused in the image. */
  beginFile(size: number): void;
  /** The bytes `start` to `end` of `chunk` belong at `position`: in rising order, what is left out is zeros. They are copied or written at once. */
  writeFile(chunk: Uint8Array, start: number, end: number, position: number): void;
  /** 64 KiB of zeros together have become a hole. */
  endFile(): ErofsData;
  /**
   * A file whose bytes are in the tar archive in one piece (`tar-index` only). A sparse one is written with `beginFile`, into the index itself.
   */
  tarData(offset: number, size: number): ErofsData;

  makeDirectory(parent: ErofsInode, name: ByteString, attributes: Attributes): ErofsInode;
  makeFile(parent: ErofsInode, name: ByteString, attributes: Attributes, data: ErofsData): ErofsInode;
  makeSymlink(parent: ErofsInode, name: ByteString, attributes: Attributes, target: ByteString): ErofsInode;
  /** A whiteout is a character device 0:0. */
  makeSpecial(parent: ErofsInode, name: ByteString, attributes: Attributes, special: ErofsSpecial): ErofsInode;
  /** One more name of something that is no directory. Links are counted by `finish`. */
  link(parent: ErofsInode, name: ByteString, inode: ErofsInode): void;
  /** Takes a name away, with all below it; nothing when there is none. All `make*` and `link` replace what has the name. */
  unlink(parent: ErofsInode, name: ByteString): void;
  /** Replaces all attributes, extended ones too. */
  setAttributes(inode: ErofsInode, attributes: Attributes): void;

  lookUp(parent: ErofsInode, name: ByteString): ErofsInode | undefined;
  typeOf(inode: ErofsInode): ErofsType;
  /** In no order. */
  names(directory: ErofsInode): Iterable<ByteString>;
  attributesOf(inode: ErofsInode): Attributes;
  readLink(inode: ErofsInode): ByteString;

  /**
   * Writes all that is known so far, in a form that only `resumeErofsImage` reads, and ends this writer. What is resumed and finished is what
   * would have been written without a stop.
   */
  suspend(): void;

  /**
   * Writes the metadata and, last, the superblock; nothing is flushed to disk (fsync is the caller's). `tarSize`: bytes of the whole tar
   * archive, of `tar-index`. `checkpoint` is called now and then; what it throws ends the work.
   */
  finish(options?: ErofsFinishOptions): ErofsImageSize;
}

export interface ErofsSpecial {
  readonly type: 'fifo' | 'character' | 'block';
  readonly major: number;
  readonly minor: number;
}

export interface ErofsFinishOptions {
  readonly tarSize?: number | undefined;
  readonly checkpoint?: (() => void) | undefined;
}

export interface ErofsImageSize {
  /** Of the image file, a multiple of its block size. */
  readonly bytes: number;
  readonly inodes: number;
}

/** An inode of an image that is read: the format's own number (nid). It is the inode number that a mount shows. */
export type ErofsNid = number;

export interface ErofsStat extends Omit<Attributes, 'xattrs'> {
  readonly nid: ErofsNid;
  readonly type: ErofsType;
  readonly size: number;
  readonly links: number;
  /** Of a device; else 0. */
  readonly major: number;
  readonly minor: number;
}

export interface ErofsEntry {
  readonly name: ByteString;
  readonly nid: ErofsNid;
  readonly type: ErofsType;
}

export interface ErofsReaderOptions {
  /** What the image is called in errors. */
  readonly name: string;
  /** Descriptors of its extra devices, in order: for `tar-index` the tar archive. Needed only to read files. */
  readonly devices?: readonly number[] | undefined;
}

/**
 * Reads an image without mounting it: flat and tar-index ones, uncompressed, from whichever program. Everything is checked as it is read; a few
 * blocks are kept. The descriptor is the caller's, and has to stay open.
 *
 * Errors: `data-loss` (EROFS_IMAGE_INVALID) for an image that is damaged or hostile; `unimplemented` (EROFS_FEATURE_UNSUPPORTED) for compression
 * and what else this reader does not know; `not-found` and the like never: a name that is not there is undefined.
 */
export interface ErofsImage {
  readonly form: ErofsForm;
  readonly root: ErofsNid;
  /** As the superblock counts them. */
  readonly inodes: number;
  readonly uuid: string;
  stat(nid: ErofsNid): ErofsStat;
  /** By bytes, in a directory. Undefined when there is none. */
  lookUp(directory: ErofsNid, name: ByteString): ErofsEntry | undefined;
  /** Names in the order of their bytes, without `.` and `..`. */
  entries(directory: ErofsNid): Generator<ErofsEntry>;
  /** In the order of their names. overlayfs' own marks are among them. */
  xattrs(nid: ErofsNid): Xattr[];
  xattr(nid: ErofsNid, name: ByteString): Buffer | undefined;
  readLink(nid: ErofsNid): ByteString;
  /** Fills the buffer from `position` of a file on; returns how many bytes there were, fewer only at its end. */
  read(nid: ErofsNid, buffer: Uint8Array, position: number): number;
  /** Parts of a file that are no hole, in rising order. */
  extents(nid: ErofsNid): Generator<ErofsExtent>;
}

export interface ErofsExtent {
  readonly position: number;
  readonly size: number;
}

export interface TreeImageOptions {
  readonly system: LinuxSystem;
  /** As of {@link ErofsWriterOptions}. */
  readonly identity?: string | undefined;
  /** Called before each name and each part of a file; what it throws ends the work. */
  readonly checkpoint?: (() => void) | undefined;
}
