import type { BigIntStats } from 'node:fs';
import type { ByteString } from '../bytes.js';
import type { Xattr } from '../tar/entry.js';
import type { DirectoryHandle } from './handle.js';

/** As much of what lstat(2) says as layers need, so that trees which are not mounted can say it too. */
export type EntryStats = Pick<
  BigIntStats,
  'mode' | 'uid' | 'gid' | 'size' | 'blocks' | 'nlink' | 'rdev' | 'mtimeNs' | 'isFile' | 'isDirectory' | 'isSymbolicLink'
>;

/** A directory of one tree. Each call is about one name in it, `.` for the directory itself, and follows no link. */
export interface TreePart<Part, Stats extends EntryStats = EntryStats> {
  /** `overlay`: character devices 0:0 in it are whiteouts, and it may be opaque. `directory`: everything is what it seems. */
  readonly form: 'overlay' | 'directory';
  lookUp(name: ByteString): Stats | undefined;
  enter(name: ByteString): Part;
  /** Whether a directory of an `overlay` tree hides what is below it. */
  isOpaque(name: ByteString): boolean;
  names(): readonly ByteString[];
  readLink(name: ByteString): ByteString;
  readXattrs(name: ByteString): Xattr[];
}

/** A directory of a tree below, as one part of a merged directory. */
export interface BaseDirectory extends TreePart<BaseDirectory> {
  /** Of one that lies in a file system. */
  readonly handle?: DirectoryHandle;
}

/** What merged trees have under a name. */
export interface MergedEntry<Part, Stats extends EntryStats = EntryStats> {
  readonly stats: Stats;
  /** Where it is: its attributes and content are those of the topmost tree that has it. */
  readonly at: Part;
  readonly name: ByteString;
  /** For a directory: the parts that it is merged from, topmost first. */
  readonly directories: readonly Part[];
}

export type BaseEntry = MergedEntry<BaseDirectory>;

const fileType = 0o170000n;
const characterDevice = 0o020000n;

/** Looks a name up in a merged directory as overlayfs would. */
export function lookUpBase<Part, Stats extends EntryStats>(
  base: readonly (Part & TreePart<Part, Stats>)[],
  name: ByteString,
): MergedEntry<Part, Stats> | undefined {
  let found: { stats: Stats; at: Part } | undefined;
  const directories: Part[] = [];
  for (const [index, part] of base.entries()) {
    const stats = part.lookUp(name);
    if (!stats) continue;
    if (part.form === 'overlay' && isWhiteout(stats)) break;
    if (!stats.isDirectory()) {
      found ??= { stats, at: part };
      break;
    }
    found ??= { stats, at: part };
    directories.push(part.enter(name));
    if (part.form === 'overlay' && index < base.length - 1 && part.isOpaque(name)) break;
  }
  return found && { ...found, name, directories };
}

/** The names in a merged directory, each once. */
export function baseNames(base: readonly BaseDirectory[]): Set<ByteString> {
  return new Set(base.flatMap((part) => part.names()));
}

function isWhiteout(stats: EntryStats): boolean {
  return (stats.mode & fileType) === characterDevice && stats.rdev === 0n;
}
