import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { hasCode, wrapError } from '@slipway/plugin-api';

/** A folder that belongs to whoever holds the lock in it: its maker first, then a monitor. */
export interface LockedFolder {
  readonly directory: string;
  readonly lock: string;
  /** Held by every command that the monitor runs. */
  readonly toolsLock: string;
}

/** Makes the lock of a folder that was just made, and takes it. Undefined when somebody took it, or removed the folder, before. */
export function takeNewLock({ lock }: LockedFolder): number | undefined {
  const fd = openUnlessMissing(lock, constants.O_RDWR | constants.O_CREAT);
  if (fd === undefined) return undefined;
  try {
    if (linux.tryFlock(fd, 'exclusive')) return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

/**
 * The lock of a folder whose monitor and maker are gone. Undefined while somebody holds it, after waiting so long;
 * `'gone'` when there is no such folder (any more).
 */
export async function lockOf(folder: LockedFolder, waitMs: number): Promise<number | 'gone' | undefined> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const lock = tryLock(folder);
    if (lock !== undefined || Date.now() >= deadline) return lock;
    await sleep(10);
  }
}

/**
 * As {@link lockOf}, without waiting. The file is made where a maker was killed between folder and lock, unless only what is there is wanted: somebody may be
 * about to make it, or to remove the folder.
 */
export function tryLock(folder: LockedFolder, flags: number = constants.O_CREAT): number | 'gone' | undefined {
  const lock = openUnlessMissing(folder.lock, constants.O_RDWR | flags);
  if (lock === undefined) return statSync(folder.directory, { throwIfNoEntry: false }) === undefined ? 'gone' : undefined;
  let isHeld: boolean | undefined;
  try {
    if (linux.tryFlock(lock, 'exclusive')) isHeld = statSync(folder.lock, { throwIfNoEntry: false })?.ino === fstatSync(lock).ino;
  } finally {
    if (isHeld !== true) closeSync(lock);
  }
  // Who waited for it may now have the lock of a folder that was removed, and perhaps made anew for another container.
  if (isHeld === false) return 'gone';
  return isHeld === true ? lock : undefined;
}

/** False while a command of a monitor that was killed has not ended. */
export function toolsHaveEnded({ toolsLock }: LockedFolder): boolean {
  const lock = openUnlessMissing(toolsLock, constants.O_RDONLY);
  if (lock === undefined) return true;
  try {
    return linux.tryFlock(lock, 'exclusive');
  } finally {
    closeSync(lock);
  }
}

function openUnlessMissing(file: string, flags: number): number | undefined {
  try {
    return openSync(file, flags, 0o600);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw wrapError(`lock ${JSON.stringify(file)}`, error);
  }
}
