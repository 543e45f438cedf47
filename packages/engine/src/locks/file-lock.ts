import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, statSync, unlinkSync, writeSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';

/** A lock over all processes. Disposing frees it; so does the end of the process, however it comes. */
export interface FileLock extends Disposable {
  /** The holder before was killed: what it had acquired may still be there. */
  readonly wasAbandoned: boolean;
  /** Tells those who wait how far the work is. */
  tell(bytes: number): void;
}

/** Of a lock that another one has. */
export interface BusyLock {
  /** What the holder told last. */
  readonly told: number;
}

const recordBytes = 8;
/** Often enough for a progress bar, and a holder that unpacks quickly writes no more than ten times a second. */
const tellIntervalMs = 100;

/**
 * Takes the lock of a file by flock(2), which does not wait: a blocking call would hold a thread of Node's pool. It works
 * between two callers in one process too. The file is removed while the lock is held, so one that is there and free was
 * left by a process that was killed, and a lock on a file that has lost its name guards nothing.
 */
export function tryLockFile(file: string): FileLock | BusyLock {
  for (;;) {
    const fd = openLockFile(file);
    let lock: FileLock | undefined;
    try {
      if (!linux.tryFlock(fd, 'exclusive')) return { told: readTold(fd) };
      if (isStill(fd, file)) lock = heldLock(fd, file);
    } finally {
      if (lock === undefined) closeSync(fd);
    }
    if (lock !== undefined) return lock;
  }
}

export function isBusy(lock: FileLock | BusyLock): lock is BusyLock {
  return 'told' in lock;
}

function heldLock(fd: number, file: string): FileLock {
  const wasAbandoned = fstatSync(fd).size > 0;
  let [lastMs, isOpen] = [performance.now(), true];
  writeTold(fd, 0);
  return {
    wasAbandoned,
    tell: (bytes) => {
      const now = performance.now();
      if (!isOpen || now - lastMs < tellIntervalMs) return;
      lastMs = now;
      writeTold(fd, bytes);
    },
    [Symbol.dispose]: () => {
      if (!isOpen) return;
      isOpen = false;
      try {
        unlinkSync(file);
      } catch {
        // What stays is a free lock: the next one takes it, and looks in vain for what was left.
      }
      closeSync(fd);
    },
  };
}

function openLockFile(file: string): number {
  const open = (): number => openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    return open();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    return open();
  }
}

function isStill(fd: number, file: string): boolean {
  const [held, named] = [fstatSync(fd), statSync(file, { throwIfNoEntry: false })];
  return named !== undefined && held.ino === named.ino && held.dev === named.dev;
}

/** One small write at one place: a reader sees the old number or the new one. On a full disk nobody is told. */
function writeTold(fd: number, bytes: number): void {
  const record = Buffer.alloc(recordBytes);
  record.writeDoubleLE(bytes);
  try {
    writeSync(fd, record, 0, recordBytes, 0);
  } catch (error) {
    if (!hasCode(error, 'ENOSPC', 'EDQUOT', 'EIO')) throw error;
  }
}

function readTold(fd: number): number {
  const record = Buffer.alloc(recordBytes);
  const told = readSync(fd, record, 0, recordBytes, 0) === recordBytes ? record.readDoubleLE() : 0;
  return Number.isSafeInteger(told) && told > 0 ? told : 0;
}
