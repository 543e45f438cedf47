import { closeSync, constants, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { throwIfAborted, wrapError } from '@slipway/plugin-api';

/** Held for some hundred blobs at a time, so the wait is short. */
const [shortestWaitMs, longestWaitMs] = [5, 100];

/**
 * Blobs of a root are deleted by one at a time, whatever state folders there are: so a mark that its holder finds was left by
 * someone who is dead. The lock is that of the root folder itself, by flock(2): nothing has to be made for it, which a full
 * disk might refuse, and it falls with its holder.
 */
export async function deletionLock(root: string, signal?: AbortSignal): Promise<Disposable> {
  for (let wait = shortestWaitMs; ; wait = Math.min(wait * 2, longestWaitMs)) {
    throwIfAborted('delete content', signal);
    const lock = tryDeletionLock(root);
    if (lock !== undefined) return lock;
    // Rejects only when aborted, which is told above.
    await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
  }
}

/** Undefined while somebody is deleting. */
export function tryDeletionLock(root: string): Disposable | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
    const lock = fd;
    if (linux.tryFlock(lock, 'exclusive')) return { [Symbol.dispose]: () => closeSync(lock) };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw wrapError(`lock ${JSON.stringify(root)}`, error);
  }
  closeSync(fd);
  return undefined;
}
