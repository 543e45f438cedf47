import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import { canceled, SlipwayError } from '@slipway/plugin-api';
import type { CopyJob, CopyMessage, CopyRequest } from './containers/copy/copy-job.js';

type Answer = Exclude<CopyMessage, { readonly type: 'done' | 'failed' }>;

/** Asks the thread for something. */
export type AskThread = (request: CopyRequest, transfer?: ArrayBuffer[]) => void;

/**
 * Copies in a thread that ends with the iteration, however that ends; yields what it tells. `begun` is called with what the thread can be asked.
 * Errors: of the thread, `canceled`.
 */
export async function* copyInThread(
  job: CopyJob,
  signal: AbortSignal | undefined,
  begun: (ask: AskThread) => void = () => undefined,
): AsyncGenerator<Answer> {
  // Without the program's own flags: some of them (--input-type) are errors in a worker.
  const worker = new Worker(new URL('./copy-worker.js', import.meta.url), {
    name: 'slipway-copy',
    execArgv: [],
    // It closes descriptors that no call of node:fs has opened, of which Node would warn.
    trackUnmanagedFds: false,
    workerData: job,
  });
  const ask: AskThread = (request, transfer = []) => worker.postMessage(request, transfer);
  begun(ask);
  try {
    for await (const [message] of on(worker, 'message', { close: ['exit'], signal }) as AsyncIterable<[CopyMessage]>) {
      if (message.type === 'done') return;
      if (message.type === 'failed') throw new SlipwayError(message.error);
      yield message;
      if (message.type === 'part') ask({ type: 'taken' });
    }
    throw new Error('the thread that copies ended without an answer');
  } catch (error) {
    throw signal?.aborted === true ? canceled('copy', signal) : error;
  } finally {
    await worker.terminate();
  }
}
