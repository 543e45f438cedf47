import { lstatSync, rmdirSync, unlinkSync } from 'node:fs';
import { hasCode } from '@slipway/plugin-api';
import { Directory } from './tree-walk.js';

/** Removes a directory with everything in it. Another process may be removing it too. */
export function removeTree(path: string | Buffer): void {
  removeWithin(path, { entries: Number.POSITIVE_INFINITY });
}

/** The same for a tree of few entries; false when it has more, and then some of it is still there. */
export function removeSmallTree(path: string, entries: number): boolean {
  return removeWithin(path, { entries });
}

function removeWithin(path: string | Buffer, budget: { entries: number }): boolean {
  try {
    {
      using directory = new Directory(path);
      for (const name of directory.names()) {
        if (budget.entries-- <= 0 || !removeEntry(directory.path(name), budget)) return false;
      }
    }
    rmdirSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  return true;
}

function removeEntry(path: Buffer, budget: { entries: number }): boolean {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return removeWithin(path, budget);
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  return true;
}
