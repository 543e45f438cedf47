import { parentPort, workerData } from 'node:worker_threads';
import { wrapError } from '@slipway/plugin-api';
import { type CompareJob, type CompareMessage, checkStop, compareJob } from './compare-job.js';

/** A thread for one comparison. */
const port = parentPort;
if (!port) throw new Error('compare-worker.js runs as a worker thread');

/** Parts on their way to the store: enough to keep it busy while the next one is made. */
const mostUnwritten = 4;
let unwritten = 0;
let onWritten = (): void => undefined;
port.on('message', (message: 'written' | 'stop') => {
  if (message === 'written') unwritten--;
  onWritten();
});
const job = workerData as CompareJob;

async function send(part: Uint8Array): Promise<void> {
  // A copy of its own: zlib goes on in the memory behind a part that it has handed out.
  const bytes = new Uint8Array(part);
  port?.postMessage({ type: 'part', bytes } satisfies CompareMessage, [bytes.buffer]);
  unwritten++;
  while (unwritten >= mostUnwritten) {
    checkStop(job);
    await new Promise<void>((resolve) => (onWritten = resolve));
  }
}

function answer(message: CompareMessage): void {
  port?.postMessage(message);
  port?.close();
}

compareJob(job, send).then(
  (result) => answer({ type: 'done', result }),
  (cause: unknown) => {
    const { kind, code, message, hint, details } = wrapError('compare trees', cause);
    answer({ type: 'failed', error: { kind, code, message, hint, details } });
  },
);
