import { parentPort } from 'node:worker_threads';
import { canceled, wrapError } from '@slipway/plugin-api';
import type { JobMessage, JobRequest, Jobs, JobType } from './job.js';
import type { JobContext } from './job-context.js';
import { applyJob, stageJob } from './read-job.js';
import { rebaseJob } from './rebase-job.js';

/** A thread: one job at a time, as the other side sends the next one only after the answer. */
const port = parentPort;
if (!port) throw new Error('worker.js runs as a worker thread');
const answer = (message: JobMessage): void => port.postMessage(message);

port.on('message', (request: JobRequest) => {
  const stop = new Int32Array(request.stop);
  const context: JobContext = {
    checkpoint: () => {
      if (Atomics.load(stop, 0) !== 0) throw canceled(`${request.type} layer`);
    },
    onProgress: (bytes) => answer({ type: 'progress', bytes }),
    onWarning: (message) => answer({ type: 'warning', message }),
  };
  work(request, context).then(
    (result) => answer({ type: 'done', result }),
    (cause: unknown) => {
      const { kind, code, message, hint, details } = wrapError(`${request.type} layer`, cause);
      answer({ type: 'failed', error: { kind, code, message, hint, details } });
    },
  );
});

async function work(request: JobRequest, context: JobContext): Promise<Jobs[JobType]['result']> {
  switch (request.type) {
    case 'apply':
      return await applyJob(request.job, context);
    case 'stage':
      return await stageJob(request.job, context);
    case 'rebase':
      rebaseJob(request.job, context);
      return undefined;
  }
}
