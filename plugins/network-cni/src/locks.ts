import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { hasCode, throwIfAborted } from '@slipway/plugin-api';

/** A lock on a file or folder, which falls with the process, and with the last of those that have inherited its descriptor. */
export interface PathLock extends Disposable {
  readonly fd: number;
}

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** After this long without the lock it is given up. Without it there is no end. */
  readonly timeoutMs?: number | undefined;
}

const retryMs = 3;

/**
 * Locks what is at a path, waiting for others. Rejects with ENOENT when nothing is there, also when it goes while this waits; with ETIMEDOUT after
 * `timeoutMs`.
 */
export async function lockPath(
  path: string,
  mode: 'exclusive' | 'shared',
  { signal, timeoutMs = Number.POSITIVE_INFINITY }: LockOptions = {},
): Promise<PathLock> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const lock = tryLockPath(path, mode);
    if (lock !== undefined) return lock;
    throwIfAborted(`wait for the lock of "${path}"`, signal);
    if (performance.now() > end) {
      throw Object.assign(new Error(`the lock of "${path}" was held for ${timeoutMs} ms`), { code: 'ETIMEDOUT' });
    }
    await sleep(retryMs);
  }
}

/** Undefined when another one has it. Throws ENOENT when nothing is there. */
export function tryLockPath(path: string, mode: 'exclusive' | 'shared'): PathLock | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    if (linux.tryFlock(fd, mode) && isStill(fd, path)) return { fd, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

/** Of the network namespace of this process: whoever changes what all networks of a host share does it alone. */
export async function lockNamespace(): Promise<Disposable> {
  for (;;) {
    const fd = openSync('/proc/self/ns/net', constants.O_RDONLY);
    if (linux.tryFlock(fd, 'exclusive')) return { [Symbol.dispose]: () => closeSync(fd) };
    closeSync(fd);
    await sleep(retryMs);
  }
}

/** What was locked may be removed by whoever had it before. */
function isStill(fd: number, path: string): boolean {
  try {
    const [held, named] = [fstatSync(fd), statSync(path)];
    return held.ino === named.ino && held.dev === named.dev;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
