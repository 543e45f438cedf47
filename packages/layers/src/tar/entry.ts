import type { ByteString } from '../bytes.js';

export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'fifo' | 'character' | 'block';

export interface Xattr {
  readonly name: ByteString;
  readonly value: Buffer;
}

/** overlayfs' own marks: an image that brings them could hide files or reach into other layers. */
export function isOverlayMark(xattrName: ByteString): boolean {
  return xattrName.startsWith('trusted.overlay.');
}

/** One entry of a layer, whichever of tar's formats it came in. */
export interface TarEntry {
  readonly type: EntryType;
  /** As the archive has it: not cleaned, not resolved. */
  readonly path: ByteString;
  /** Target of a symbolic or hard link; empty for other types. */
  readonly linkTarget: ByteString;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of a file with its holes; 0 for other types. */
  readonly size: number;
  /** Whole seconds since 1970, rounded down, and the nanoseconds after them: two numbers because a bigint for each entry costs more than the rest of its header. */
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Without overlayfs' own marks. */
  readonly xattrs: readonly Xattr[];
  /** The bytes of a file are not in one piece in the archive. */
  readonly isSparse?: boolean | undefined;
}

/** What a {@link TarReader} feeds: for every entry `entry`, then for a file `data` in rising order and `fileEnd`. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** The bytes `start` to `end` of `chunk` belong at `position` of the file. They are valid only during the call. */
  data(chunk: Uint8Array, start: number, end: number, position: number): void;
  fileEnd(): void;
}
