import { closeSync, constants, openSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Mount, SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import { O_CLOEXEC } from './constants.js';
import { tryFlock } from './files.js';

const pauseMs = 5;
/** A mount that is gone lets go of its image a moment later, when its namespace goes with its last process. */
export const patienceMs = 2000;

/** Who writes to a file system in a file holds an exclusive flock(2) of it: two at once would ruin it. Errors: {@link imageInUse}. */
export function lockImage(fd: number, file: string): void {
  for (const end = Date.now() + patienceMs; !tryFlock(fd, 'exclusive'); pause()) if (Date.now() >= end) throw imageInUse(file);
}

/**
 * Waits, without holding up this thread, until what the mounts are to write to is free: one that has just ended lets go of it a moment later. For whoever mounts it next.
 * Errors: {@link imageInUse}, `canceled`.
 */
export async function imagesAreFree(mounts: readonly Mount[], signal?: AbortSignal): Promise<void> {
  for (const mount of mounts) {
    if (mount.kind !== 'layers' || mount.upper?.kind !== 'block') continue;
    const { source } = mount.upper;
    if (!statSync(source).isFile()) continue;
    const fd = openSync(source, constants.O_RDWR | O_CLOEXEC);
    try {
      for (const end = Date.now() + patienceMs; !tryFlock(fd, 'exclusive'); await sleep(pauseMs)) {
        throwIfAborted(`mount of ${JSON.stringify(source)}`, signal);
        if (Date.now() >= end) throw imageInUse(source);
      }
    } finally {
      closeSync(fd);
    }
  }
}

export function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
}

export function imageInUse(file: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'IMAGE_IN_USE',
    message: `mount of ${JSON.stringify(file)}: somebody has it already and may write to it, a virtual machine or another mount`,
    hint: 'stop the container that has it',
    details: { file },
  });
}
