import { SlipwayError } from '@slipway/plugin-api';
import { tryFlock } from './files.js';

const pauseMs = 5;
/** A mount that is gone lets go of its image a moment later, when its namespace goes with its last process. */
export const patienceMs = 2000;

/** Who writes to a file system in a file holds an exclusive flock(2) of it: two at once would ruin it. Errors: {@link imageInUse}. */
export function lockImage(fd: number, file: string): void {
  for (const end = Date.now() + patienceMs; !tryFlock(fd, 'exclusive'); pause()) if (Date.now() >= end) throw imageInUse(file);
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
