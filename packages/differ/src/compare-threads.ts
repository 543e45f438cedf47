import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { canceled, SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import type { CompareJob, CompareMessage, CompareResult } from './compare-job.js';

export interface CompareThreadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Takes the next part of the blob. The thread waits for it, a few parts ahead. */
  readonly write: (part: Uint8Array) => Promise<void>;
}

/**
 * Comparisons, each in a thread of its own that ends with it: they are rare, long, and write to the store of the thread that asked,
 * which must not hold up the layers that are unpacked.
 */
export class CompareThreads implements AsyncDisposable {
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  /** Settles when the thread is gone and nothing is being written any more. */
  async run(job: Omit<CompareJob, 'stop'>, options: CompareThreadOptions): Promise<CompareResult> {
    throwIfAborted('compare trees', options.signal);
    if (this.#closing.signal.aborted) throw closed();
    const running = this.#run(job, options);
    const settled = running.catch(() => undefined);
    this.#running.add(settled);
    try {
      return await running;
    } finally {
      this.#running.delete(settled);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#running);
  }

  async #run(job: Omit<CompareJob, 'stop'>, { signal, write }: CompareThreadOptions): Promise<CompareResult> {
    const stop = new SharedArrayBuffer(4);
    // Without the program's own flags: some of them (--input-type) are errors in a worker.
    const worker = new Worker(new URL('./compare-worker.js', import.meta.url), {
      name: 'slipway-compare',
      execArgv: [],
      // It closes descriptors that no call of node:fs has opened, of which Node would warn.
      trackUnmanagedFds: false,
      workerData: { ...job, stop } satisfies CompareJob,
    });
    const { promise, resolve, reject } = Promise.withResolvers<CompareResult>();
    let written: Promise<void> = Promise.resolve();
    worker.on('message', (message: CompareMessage) => {
      if (message.type === 'part') {
        written = written.then(() => write(message.bytes)).then(() => worker.postMessage('written'));
        written.catch(reject);
      } else if (message.type === 'done') void written.then(() => resolve(message.result), reject);
      else reject(new SlipwayError(message.error));
    });
    worker.on('error', (error) => reject(lost(error)));
    const exited = once(worker, 'exit').catch(() => undefined);
    worker.on('exit', () => void written.finally(() => reject(lost(new Error('it ended without an answer')))).catch(reject));
    const onAbort = (): void => reject(canceled('compare trees', signal));
    const onClose = (): void => reject(closed());
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#closing.signal.addEventListener('abort', onClose, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#closing.signal.removeEventListener('abort', onClose);
      // Not by force: its descriptors, of mounts among them, would stay open.
      Atomics.store(new Int32Array(stop), 0, 1);
      worker.postMessage('stop');
      await exited;
      await written.catch(() => undefined);
    }
  }
}

function lost(cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'internal',
    code: 'LAYER_WORKER_LOST',
    message: `the thread that compares trees is gone: ${cause instanceof Error ? cause.message : String(cause)}`,
    cause,
  });
}

function closed(): SlipwayError {
  return new SlipwayError({ kind: 'unavailable', code: 'DIFFER_CLOSED', message: 'compare trees: the differ has been closed' });
}
