import { createHash } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { step, throwIfAborted, wrapError } from '@slipway/plugin-api';

export interface SnapshotName {
  readonly snapshotter: string;
  readonly name: string;
}

/** The removal of one snapshot is short, unless its trees are large. */
const [shortestWaitMs, longestWaitMs] = [5, 100];

/**
 * Held by a sweep from before it looks whether anything needs the snapshot until it is gone. Who leases a snapshot looks for the
 * lock afterwards: either the sweep sees the lease, or the lock is seen.
 *
 * It is a lock on one byte of the root folder, as the number that the snapshot's name has for a hash: nothing is written, which a
 * full disk might refuse, only who wants this snapshot waits, and it falls with its holder. Two names of one number wait for each other.
 */
export function lockRemoval(root: string, snapshot: SnapshotName): Disposable {
  const fd = openRoot(root);
  try {
    linux.lockByte(fd, byteOf(snapshot));
    return { [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw wrapError(`lock snapshot "${snapshot.name}" of "${snapshot.snapshotter}" for its removal`, error);
  }
}

/** Fulfils when no removal of any of them is under way that began before the call. */
export async function removalsEnded(
  root: string,
  snapshots: readonly SnapshotName[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const fd = openRoot(root);
  try {
    for (const snapshot of snapshots) await removalEnded(fd, snapshot, signal);
  } catch (error) {
    throw wrapError('wait for the removal of snapshots', error);
  } finally {
    closeSync(fd);
  }
}

async function removalEnded(fd: number, snapshot: SnapshotName, signal: AbortSignal | undefined): Promise<void> {
  const byte = byteOf(snapshot);
  if (!linux.isByteLocked(fd, byte)) return;
  step('lease.waiting', { ...snapshot });
  for (let wait = shortestWaitMs; linux.isByteLocked(fd, byte); wait = Math.min(wait * 2, longestWaitMs)) {
    throwIfAborted(`wait for the removal of snapshot "${snapshot.name}"`, signal);
    // Rejects only when aborted, which is told above.
    await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
  }
}

function openRoot(root: string): number {
  try {
    return openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    throw wrapError(`open ${JSON.stringify(root)}`, error);
  }
}

/** 62 bits: an offset and the one after it fit into the kernel's. */
function byteOf({ snapshotter, name }: SnapshotName): bigint {
  const hash = createHash('sha256')
    .update(JSON.stringify([snapshotter, name]))
    .digest();
  return hash.readBigUInt64LE(0) >> 2n;
}
