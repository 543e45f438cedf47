import type { Writable } from 'node:stream';
import { DetachKeys } from './detach-keys.js';

export interface InputOptions {
  /** Absent: what is typed is no keys to leave by. */
  readonly detachKeys?: readonly number[] | undefined;
  readonly onDetach: () => void;
  /** Our terminal is gone, or the input has ended where it can be only that. */
  readonly onHangUp: () => void;
}

/**
 * Sends what is typed to the container, at the pace at which it reads, until disposed. In raw mode the input ends only when our terminal hangs up.
 */
export function forwardKeys(stdin: Writable, { detachKeys, onDetach, onHangUp }: InputOptions): Disposable {
  const keys = detachKeys === undefined ? undefined : new DetachKeys(detachKeys);
  const receive = (typed: Buffer): void => {
    const { bytes, detached } = keys?.take(typed) ?? { bytes: typed, detached: false };
    if (bytes.length > 0 && !stdin.write(bytes)) {
      process.stdin.pause();
      stdin.once('drain', () => process.stdin.resume());
    }
    if (!detached) return;
    process.stdin.off('data', receive).pause();
    onDetach();
  };
  process.stdin.once('error', onHangUp).once('end', onHangUp);
  process.stdin.on('data', receive);
  return {
    [Symbol.dispose]: () => {
      process.stdin.off('data', receive).off('end', onHangUp).pause();
    },
  };
}

/** Sends our input, and its end, which is the container's too. */
export function forwardStream(stdin: Writable): Disposable {
  // What the container does not read any more is lost, as in a pipeline.
  stdin.on('error', () => {});
  process.stdin.pipe(stdin);
  return {
    [Symbol.dispose]: () => {
      process.stdin.unpipe(stdin);
      process.stdin.pause();
    },
  };
}
