import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '@slipway/plugin-api';
import { isBusy, tryLockFile } from './file-lock.js';

/** What processes share is the root, whatever state folders they have: so the locks lie there. */
function locksFolder(root: string): string {
  return path.join(root, 'locks');
}

/** The file of the lock on one piece of work. Names of things are any strings, so their hash is the name of the file. */
export function lockFile(root: string, ...work: readonly string[]): string {
  return path.join(locksFolder(root), createHash('sha256').update(JSON.stringify(work)).digest('hex'));
}

/** Removes what killed holders left; what is held stays. */
export function removeFreeLocks(root: string): void {
  for (const name of lockNames(root)) {
    const lock = tryLockFile(path.join(locksFolder(root), name));
    if (!isBusy(lock)) lock[Symbol.dispose]();
  }
}

function lockNames(root: string): string[] {
  try {
    return readdirSync(locksFolder(root));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
