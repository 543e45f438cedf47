import { parentPort } from 'node:worker_threads';
import { compareTrees } from './verify/compare-trees.js';
import { hashDescriptor } from './verify/hash-descriptor.js';
import type { VerifyReply, VerifyRequest, VerifyResult } from './verify/job.js';

/** The thread that reads all there is: synchronous calls, one job after the other. */
function carryOut({ id, job, stop }: VerifyRequest): VerifyResult {
  const flag = new Int32Array(stop);
  const checkpoint = (): void => {
    if (Atomics.load(flag, 0) !== 0) throw Object.assign(new Error('not wanted any more'), { code: 'ABORT_ERR' });
  };
  const nothing: VerifyResult = { hash: '', bytes: 0, differences: [] };
  if (job.kind === 'compare') return { ...nothing, differences: compareTrees(job.found, job.expected, checkpoint) };
  const hashed = hashDescriptor(job.fd, job.algorithm, (bytes) => {
    checkpoint();
    post({ id, type: 'progress', bytes });
  });
  return { ...nothing, ...hashed };
}

function post(reply: VerifyReply): void {
  parentPort?.postMessage(reply);
}

parentPort?.on('message', (request: VerifyRequest) => {
  const { id } = request;
  try {
    post({ id, type: 'done', result: carryOut(request) });
  } catch (error) {
    // An Error loses its `code` on the way between threads.
    const { message, code } = error as NodeJS.ErrnoException;
    post({ id, type: 'failed', message, code });
  }
});
