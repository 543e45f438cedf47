import { writeSync } from 'node:fs';

/** Whoever read our output has gone away, as in `slipway images | head -1`. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/**
 * Where a command writes. Straight to the descriptors: Node's own streams would switch a pipe that the container
 * inherits to non-blocking mode, and would lose what is still queued when the process exits.
 */
export interface Output {
  /** Results. Errors: {@link OutputClosed}. */
  out(text: string): void;
  /** Progress, warnings and errors; nothing happens when nobody can read them. */
  err(text: string): void;
}

export const output: Output = {
  out: (text) => writeAll(1, text),
  err: (text) => {
    try {
      writeAll(2, text);
    } catch {
      // Nowhere is left to say so.
    }
  },
};

/** How long to wait before another try at a pipe that is full and in non-blocking mode, which whoever made it chose. */
const retryMs = 5;

function writeAll(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EPIPE') throw new OutputClosed();
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, retryMs);
    }
  }
}
