import { lstatSync, rmdirSync, unlinkSync } from 'node:fs';
import { Directory } from './tree-walk.js';

/** Removes a directory with everything in it. Another process may be removing it too. */
export function removeTree(path: string | Buffer): void {
  try {
    {
      using directory = new Directory(path);
      for (const name of directory.names()) removeEntry(directory.path(name));
    }
    rmdirSync(path);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function removeEntry(path: Buffer): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    removeTree(path);
    return;
  }
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
