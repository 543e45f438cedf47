import type { FileHandle } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { canceled } from '@slipway/plugin-api';
import { writeAt } from '../spool.js';

/** Takes bytes in order. Waiting for the promise is the back-pressure. */
export interface ByteSink {
  write(chunk: Uint8Array): Promise<void>;
}

export function fileSink(file: FileHandle): ByteSink {
  let position = 0;
  return {
    write: async (chunk) => {
      await writeAt(file, chunk, position);
      position += chunk.byteLength;
    },
  };
}

/** For what has no places: a device, a pipe. */
export function deviceSink(file: FileHandle): ByteSink {
  return {
    write: async (chunk) => {
      for (let done = 0; done < chunk.byteLength; )
        done += (await file.write(chunk, done, chunk.byteLength - done, null)).bytesWritten;
    },
  };
}

/** Does not end the stream. A reader that stops reading is waited for until the signal aborts. */
export function streamSink(stream: Writable, signal: AbortSignal | undefined): ByteSink {
  // It is told again as an event, after the write that failed has said so.
  stream.on('error', () => undefined);
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        const settle = (error: unknown): void => {
          stream.off('error', settle);
          stream.off('close', closed);
          signal?.removeEventListener('abort', abort);
          if (error instanceof Error) reject(error);
          else resolve();
        };
        const abort = (): void => settle(canceled('write archive', signal));
        const closed = (): void => settle(Object.assign(new Error('the reader of the archive has gone'), { code: 'EPIPE' }));
        if (signal?.aborted === true) return abort();
        if (stream.destroyed) return closed();
        stream.once('error', settle);
        stream.once('close', closed);
        signal?.addEventListener('abort', abort, { once: true });
        // Called when the chunk is out, which is sooner than `drain` says it and never too late.
        stream.write(chunk, settle);
      }),
  };
}
