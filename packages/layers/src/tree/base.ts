import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import type { LinuxSystem } from '@slipway/linux';
import type { ByteString } from '../bytes.js';
import { DirectoryHandle, type HandleTable } from './handle.js';

/** A directory of a tree below, as one part of a merged directory. */
export interface BaseDirectory {
  readonly handle: DirectoryHandle;
  /** `overlay`: character devices 0:0 in it are whiteouts, and it may be opaque. `directory`: everything is what it seems. */
  readonly form: 'overlay' | 'directory';
}

/** What the merged trees below have under a name. */
export interface BaseEntry {
  readonly stats: BigIntStats;
  /** Where it is: its attributes and content are those of the topmost tree that has it. */
  readonly at: DirectoryHandle;
  readonly name: ByteString;
  /** For a directory: the parts that it is merged from, topmost first. */
  readonly directories: readonly BaseDirectory[];
}

const fileType = 0o170000n;
const characterDevice = 0o020000n;

/** Looks a name up in a merged directory as overlayfs would. */
export function lookUpBase(
  system: LinuxSystem,
  handles: HandleTable,
  base: readonly BaseDirectory[],
  name: ByteString,
): BaseEntry | undefined {
  let found: { stats: BigIntStats; at: DirectoryHandle } | undefined;
  const directories: BaseDirectory[] = [];
  for (const [index, part] of base.entries()) {
    const stats = lstatSync(handles.path(part.handle, name), { bigint: true, throwIfNoEntry: false });
    if (!stats) continue;
    if (part.form === 'overlay' && isWhiteout(stats)) break;
    if (!stats.isDirectory()) {
      found ??= { stats, at: part.handle };
      break;
    }
    found ??= { stats, at: part.handle };
    directories.push({ handle: new DirectoryHandle(part.handle, name), form: part.form });
    if (part.form === 'overlay' && index < base.length - 1 && isOpaque(system, handles.path(part.handle, name))) break;
  }
  return found && { ...found, name, directories };
}

/** The names in a merged directory, each once. */
export function baseNames(handles: HandleTable, base: readonly BaseDirectory[]): Set<ByteString> {
  const names = new Set<ByteString>();
  for (const part of base) for (const name of readdirSync(handles.path(part.handle, '.'), 'latin1')) names.add(name);
  return names;
}

function isWhiteout(stats: BigIntStats): boolean {
  return (stats.mode & fileType) === characterDevice && stats.rdev === 0n;
}

/** Whether a directory of an `overlay` tree hides what is below it. */
export function isOpaque(system: LinuxSystem, path: string | Buffer): boolean {
  return system.lgetxattr(path, 'trusted.overlay.opaque')?.toString('latin1') === 'y';
}
