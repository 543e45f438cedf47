import { type BigIntStats, lstatSync } from 'node:fs';
import type { LayerTree } from '@slipway/plugin-api';
import type { ByteString } from '../bytes.js';
import { lookUpBase, type MergedEntry } from '../tree/base.js';
import type { FolderAccess, FolderPart } from '../tree/folder-part.js';
import { openFolder } from '../tree/root.js';
import type { ImageMounts } from './image-mounts.js';

/** What a comparison reads trees with. */
export interface TreeAccess extends FolderAccess {
  /** For images among them: content has to be read, and so they are mounted, attached to nowhere. */
  readonly mounts: ImageMounts;
}

/** What there is under a path of merged trees, and for a directory what it is merged from. */
export type TreeEntry = MergedEntry<FolderPart, BigIntStats>;

/** The root of merged trees, topmost first; undefined when there is no tree at all. */
export function openMerged(access: TreeAccess, trees: readonly LayerTree[]): TreeEntry | undefined {
  const { handles, mounts } = access;
  const directories = trees.map((tree) =>
    tree.format === 'erofs' || tree.format === 'ext4'
      ? openFolder(mounts.of(tree), 'overlay', access)
      : openFolder(tree, tree.format, access),
  );
  const [first] = directories;
  if (!first) return undefined;
  // All of them now: what is missing later has gone meanwhile.
  for (const { handle } of directories) handles.fd(handle);
  const stats = lstatSync(handles.path(first.handle, '.'), { bigint: true });
  return { stats, at: first, name: '.', directories };
}

/** The parts of a merged directory that have each name. */
export type MergedNames = ReadonlyMap<ByteString, readonly FolderPart[]>;

export function readNames(parts: readonly FolderPart[]): MergedNames {
  const names = new Map<ByteString, readonly FolderPart[]>();
  for (const part of parts) {
    // One for all names that only this part has: most of them, and there may be a million.
    const alone = [part];
    for (const name of part.names()) {
      const having = names.get(name);
      names.set(name, having ? [...having, part] : alone);
    }
  }
  return names;
}

export function lookUp(parts: readonly FolderPart[] | undefined, name: ByteString): TreeEntry | undefined {
  return parts && parts.length > 0 ? lookUpBase(parts, name) : undefined;
}

export function pathOf({ handles }: TreeAccess, entry: TreeEntry): string | Buffer {
  return handles.path(entry.at.handle, entry.name);
}

export function linkTargetOf(entry: TreeEntry): ByteString {
  return entry.stats.isSymbolicLink() ? entry.at.readLink(entry.name) : '';
}

/** One inode, whatever its names. */
export function inodeKey({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

export function isLeaf(entry: TreeEntry | undefined): entry is TreeEntry {
  return entry !== undefined && !entry.stats.isDirectory();
}
