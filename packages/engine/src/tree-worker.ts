import { parentPort, workerData } from 'node:worker_threads';
import { type ChangedPath, changedPaths, compareTrees } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { canceled, wrapError } from '@slipway/plugin-api';
import type { TreeJob, TreeMessage, TreeWork } from './trees/tree-job.js';

/** A thread for one look at trees: synchronous calls, several times faster than promises. */
const port = parentPort;
if (port === null) throw new Error('tree-worker.js runs as a worker thread');

/** Parts on their way: enough to keep the reader busy while the next one is made. */
const mostUntaken = 4;
let untaken = 0;
let onTaken = (): void => undefined;
port.on('message', (message: 'taken' | 'stop') => {
  if (message === 'taken') untaken--;
  onTaken();
});
const { job, stop } = workerData as TreeWork;

function checkpoint(): void {
  if (Atomics.load(new Int32Array(stop), 0) !== 0) throw canceled('read trees');
}

async function send(message: TreeMessage, transfer: ArrayBuffer[] = []): Promise<void> {
  port?.postMessage(message, transfer);
  untaken++;
  while (untaken >= mostUntaken) {
    checkpoint();
    await new Promise<void>((resolve) => (onTaken = resolve));
  }
}

/** So many at a time: to tell each by itself would take longer than to find it. */
const changesInPart = 1000;

async function work(todo: TreeJob): Promise<void> {
  if (todo.kind === 'tar') {
    for (const part of compareTrees([], todo.trees, { system: linux, checkpoint })) {
      const bytes = new Uint8Array(part);
      await send({ type: 'part', part: bytes }, [bytes.buffer]);
    }
    return;
  }
  let part: ChangedPath[] = [];
  for (const change of changedPaths(todo.lower, todo.upper, { system: linux, checkpoint })) {
    part.push(change);
    if (part.length < changesInPart) continue;
    await send({ type: 'part', part });
    part = [];
  }
  await send({ type: 'part', part });
}

function answer(message: TreeMessage): void {
  port?.postMessage(message);
  port?.close();
}

work(job).then(
  () => answer({ type: 'done' }),
  (cause: unknown) => {
    const { kind, code, message, hint, details } = wrapError('read trees', cause);
    answer({ type: 'failed', error: { kind, code, message, hint, details } });
  },
);
