import { randomBytes } from 'node:crypto';
import { lstatSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { hasCode } from '@slipway/plugin-api';
import { Directory } from './tree-walk.js';

/** Removes a directory with everything in it. Another process may be removing it too. */
export function removeTree(path: string | Buffer): void {
  removeSmallTree(path, Number.POSITIVE_INFINITY);
}

/** The same for a tree of few entries; false when it has more, and then some of it is still there. */
export function removeSmallTree(path: string | Buffer, entries: number): boolean {
  return unlessGone(() => {
    {
      using top = new Directory(path);
      const removal: Removal = { top, entries, moved: false };
      do {
        removal.moved = false;
        if (!removeEntries(top, removal, 1)) return false;
      } while (removal.moved);
    }
    rmdirSync(path);
    return true;
  });
}

interface Removal {
  readonly top: Directory;
  /** How many more may be removed. */
  entries: number;
  /** Something was moved to the top since its names were read. */
  moved: boolean;
}

/** Each level takes a descriptor and some of the stack, and a container can make directories in directories without an end. */
const deepest = 64;

function removeEntries(directory: Directory, removal: Removal, depth: number): boolean {
  for (const name of directory.names()) {
    if (removal.entries-- <= 0 || !unlessGone(() => removeEntry(directory.path(name), removal, depth))) return false;
  }
  return true;
}

function removeEntry(path: Buffer, removal: Removal, depth: number): boolean {
  if (!lstatSync(path).isDirectory()) {
    unlinkSync(path);
    return true;
  }
  if (depth === deepest) {
    renameSync(path, removal.top.path(Buffer.from(`removed-${randomBytes(16).toString('hex')}`)));
    removal.moved = true;
    return true;
  }
  {
    using directory = new Directory(path);
    if (!removeEntries(directory, removal, depth + 1)) return false;
  }
  rmdirSync(path);
  return true;
}

function unlessGone(remove: () => boolean): boolean {
  try {
    return remove();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    return true;
  }
}
