import { isBusy, lockFile, takeLock, tryLockFile } from '../locks/index.js';
import type { EngineParts } from '../settings.js';
import { containerById, containerNotFound, type FoundContainer, lookUp } from './find.js';

/**
 * What starts, restarts or removes a container is done by one at a time, of all processes; the others wait, and then see what is so. A holder that is killed loses the
 * lock at once. Errors: `not-found` when it is not there (any more), `canceled`.
 */
export async function withContainer<T>(
  parts: EngineParts,
  id: string,
  { what, signal }: { readonly what: string; readonly signal?: AbortSignal | undefined },
  work: (container: FoundContainer) => Promise<T>,
): Promise<T> {
  using lock = await takeLock(containerLockFile(parts, id), {
    what,
    signal,
    isDone: () => parts.metadata.read((tx) => lookUp(tx, id)) === undefined,
  });
  if (lock === undefined) throw containerNotFound(id);
  return await work(containerById(parts, id));
}

export function containerLockFile(parts: Pick<EngineParts, 'settings'>, id: string): string {
  return lockFile(parts.settings.root, 'container', id);
}

/** Of one that is only made: whoever finds its row must wait until it is whole. */
export function lockNewContainer(parts: Pick<EngineParts, 'settings'>, id: string): Disposable {
  const lock = tryLockFile(containerLockFile(parts, id));
  if (isBusy(lock)) throw new TypeError(`somebody has the lock of container ${id}, which is not there yet`);
  return lock;
}
