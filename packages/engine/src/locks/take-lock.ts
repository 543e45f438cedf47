import { setTimeout as sleep } from 'node:timers/promises';
import { throwIfAborted, wrapError } from '@slipway/plugin-api';
import { type BusyLock, type FileLock, isBusy, tryLockFile } from './file-lock.js';

export interface TakeLockOptions {
  /** What is waited for, in errors. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** Whether the work that the lock is for is done, by whomever. Asked after the lock was taken, and while it is waited for. */
  readonly isDone: () => boolean | Promise<boolean>;
  /** What the holder tells, again and again while it is waited for. */
  readonly onTold?: ((bytes: number) => void) | undefined;
}

const firstWaitMs = 10;
/** A waiter looks for the end of the work and for its progress a few times a second. */
const longestWaitMs = 200;

/**
 * Waits for the lock, or for the work to be done by whoever has it: then there is no lock to be had, and nothing to do.
 * A holder that was killed loses the lock at once, and one of those who wait does the work.
 */
export async function takeLock(file: string, options: TakeLockOptions): Promise<FileLock | undefined> {
  const { what, signal, isDone, onTold } = options;
  for (let wait = firstWaitMs; ; wait = Math.min(wait * 2, longestWaitMs)) {
    throwIfAborted(what, signal);
    const lock = attempt(what, file);
    if (!isBusy(lock)) return await unlessDone(lock, isDone);
    if (await isDone()) return undefined;
    onTold?.(lock.told);
    // Not all at once. Rejects only when aborted, which is told above.
    await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
  }
}

function attempt(what: string, file: string): FileLock | BusyLock {
  try {
    return tryLockFile(file);
  } catch (error) {
    throw wrapError(`${what}: lock ${JSON.stringify(file)}`, error);
  }
}

async function unlessDone(lock: FileLock, isDone: TakeLockOptions['isDone']): Promise<FileLock | undefined> {
  let isNeeded = false;
  try {
    isNeeded = !(await isDone());
    return isNeeded ? lock : undefined;
  } finally {
    if (!isNeeded) lock[Symbol.dispose]();
  }
}
