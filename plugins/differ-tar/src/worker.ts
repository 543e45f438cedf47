import { parentPort } from 'node:worker_threads';
import { wrapError } from '@slipway/plugin-api';
import { applyJob } from './apply-job.js';
import type { ApplyJob, JobMessage } from './job.js';

/** The thread: one job at a time, as the other side sends the next one only after the answer. */
const port = parentPort;
if (!port) throw new Error('worker.js runs as a worker thread');
const answer = (message: JobMessage): void => port.postMessage(message);

port.on('message', (job: ApplyJob) => {
  applyJob(job, {
    onProgress: (bytes) => answer({ type: 'progress', bytes }),
    onWarning: (message) => answer({ type: 'warning', message }),
  }).then(
    (result) => answer({ type: 'done', result }),
    (cause: unknown) => {
      const { kind, code, message, hint, details } = wrapError('apply layer', cause);
      answer({ type: 'failed', error: { kind, code, message, hint, details } });
    },
  );
});
