import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { LinuxSystem } from '@slipway/linux';
import type { LayerTree } from '@slipway/plugin-api';
import { type ByteString, fromText, quote } from '../bytes.js';
import { layerError } from '../errors.js';
import { type BaseDirectory, type BaseEntry, lookUpBase } from '../tree/base.js';
import { DirectoryHandle, type HandleTable } from '../tree/handle.js';

/** What a comparison reads trees with. */
export interface TreeAccess {
  readonly system: LinuxSystem;
  readonly handles: HandleTable;
}

/** What there is under a path of merged trees, and for a directory what it is merged from. */
export type TreeEntry = BaseEntry;

/** The root of merged trees, topmost first; undefined when there is no tree at all. */
export function openMerged({ handles }: TreeAccess, trees: readonly LayerTree[]): TreeEntry | undefined {
  const directories = trees.map((tree): BaseDirectory => {
    if (tree.format === 'erofs')
      throw layerError(
        'LAYER_FORMAT_UNSUPPORTED',
        `compare ${quote(fromText(tree.path))}: it is an EROFS image, not a directory`,
      );
    return { handle: new DirectoryHandle(undefined, fromText(tree.path)), form: tree.format };
  });
  const [first] = directories;
  if (!first) return undefined;
  // All of them now: what is missing later has gone meanwhile.
  for (const { handle } of directories) handles.fd(handle);
  const stats = lstatSync(handles.path(first.handle, '.'), { bigint: true });
  return { stats, at: first.handle, name: '.', directories };
}

/** The parts of a merged directory that have each name. */
export type MergedNames = ReadonlyMap<ByteString, readonly BaseDirectory[]>;

export function readNames({ handles }: TreeAccess, parts: readonly BaseDirectory[]): MergedNames {
  const names = new Map<ByteString, readonly BaseDirectory[]>();
  for (const part of parts) {
    // One for all names that only this part has: most of them, and there may be a million.
    const alone = [part];
    for (const name of readdirSync(handles.path(part.handle, '.'), 'latin1')) {
      const having = names.get(name);
      names.set(name, having ? [...having, part] : alone);
    }
  }
  return names;
}

export function lookUp(access: TreeAccess, parts: readonly BaseDirectory[] | undefined, name: ByteString): TreeEntry | undefined {
  return parts && parts.length > 0 ? lookUpBase(access.system, access.handles, parts, name) : undefined;
}

export function pathOf({ handles }: TreeAccess, entry: TreeEntry): string | Buffer {
  return handles.path(entry.at, entry.name);
}

export function linkTargetOf(access: TreeAccess, entry: TreeEntry): ByteString {
  return entry.stats.isSymbolicLink() ? readlinkSync(pathOf(access, entry), 'latin1') : '';
}

/** One inode, whatever its names. */
export function inodeKey({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

export function isLeaf(entry: TreeEntry | undefined): entry is TreeEntry {
  return entry !== undefined && !entry.stats.isDirectory();
}
