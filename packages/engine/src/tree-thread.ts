import { on, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { canceled, SlipwayError } from '@slipway/plugin-api';
import type { TreeJob, TreeMessage, TreeParts, TreeWork } from './trees/tree-job.js';

/**
 * Reads trees in a thread that ends with the iteration, however that ends; it stays a few parts ahead of who takes them. Errors: those of
 * `compareTrees` of packages/layers, `canceled`.
 */
export async function* readTrees<Kind extends TreeJob['kind']>(
  job: TreeJob & { readonly kind: Kind },
  signal: AbortSignal | undefined,
): AsyncGenerator<TreeParts[Kind]> {
  const stop = new SharedArrayBuffer(4);
  // Without the program's own flags: some of them (--input-type) are errors in a worker.
  const worker = new Worker(new URL('./tree-worker.js', import.meta.url), {
    name: 'slipway-trees',
    execArgv: [],
    // It closes descriptors that no call of node:fs has opened, of which Node would warn.
    trackUnmanagedFds: false,
    workerData: { job, stop } satisfies TreeWork,
  });
  const exited = once(worker, 'exit').catch(() => undefined);
  try {
    for await (const [message] of on(worker, 'message', { close: ['exit'], signal }) as AsyncIterable<[TreeMessage]>) {
      if (message.type === 'done') return;
      if (message.type === 'failed') throw new SlipwayError(message.error);
      yield message.part as TreeParts[Kind];
      worker.postMessage('taken');
    }
    throw new Error('the thread that reads trees ended without an answer');
  } catch (error) {
    throw signal?.aborted === true ? canceled('read trees', signal) : error;
  } finally {
    // Not by force: its descriptors, of mounts among them, would stay open.
    Atomics.store(new Int32Array(stop), 0, 1);
    worker.postMessage('stop');
    await exited;
  }
}
