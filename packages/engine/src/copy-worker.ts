import { closeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { packTree, unpackTree } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import { attachTree } from './containers/copy/attach-tree.js';
import type { CopyJob, CopyMessage, CopyRequest } from './containers/copy/copy-job.js';
import { archiveName, findPath, pathNotFound, requireDirectory } from './containers/copy/path-in-tree.js';

/** A thread for one copy: synchronous calls, and a mount namespace that nobody else has to see. */
const port = parentPort;
if (port === null) throw new Error('copy-worker.js runs as a worker thread');

/** Parts on their way: enough to keep both ends busy. */
const mostUntaken = 4;
let untaken = 0;
let onTaken = (): void => undefined;
const arrived: (Uint8Array | 'end')[] = [];
let onArrived = (): void => undefined;
port.on('message', (request: CopyRequest) => {
  if (request.type === 'taken') {
    untaken--;
    onTaken();
    return;
  }
  arrived.push(request.type === 'end' ? 'end' : request.bytes);
  onArrived();
});

function tell(message: CopyMessage, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer);
}

async function sendPart(part: Buffer): Promise<void> {
  const bytes = new Uint8Array(part);
  tell({ type: 'part', bytes }, [bytes.buffer]);
  untaken++;
  while (untaken >= mostUntaken) await new Promise<void>((resolve) => (onTaken = resolve));
}

async function* archive(): AsyncGenerator<Uint8Array> {
  for (;;) {
    while (arrived.length === 0) await new Promise<void>((resolve) => (onArrived = resolve));
    const part = arrived.shift();
    if (part === 'end' || part === undefined) return;
    yield part;
    tell({ type: 'taken' });
  }
}

async function pack(root: number, path: string, followLink: boolean): Promise<void> {
  const found = findPath(root, path, followLink);
  if (found === undefined) throw pathNotFound(path);
  try {
    const { directory, name, stat } = found;
    tell({ type: 'stat', stat });
    for (const part of packTree({ directory, name, as: archiveName(path) }, { system: linux })) await sendPart(part);
  } finally {
    closeSync(found.directory);
  }
}

function stat(root: number, path: string): void {
  const found = findPath(root, path, false);
  if (found !== undefined) closeSync(found.directory);
  tell({ type: 'stat', stat: found?.stat });
}

async function unpack(root: number, job: CopyJob & { readonly kind: 'unpack' }): Promise<void> {
  requireDirectory(root, job.path);
  await unpackTree(archive(), {
    system: linux,
    root,
    directory: Buffer.from(job.path).toString('latin1'),
    owner: job.keepOwners ? undefined : { uid: 0, gid: 0 },
    privileges: true,
    noReplaceKind: job.noReplaceKind,
    onWarning: (message) => tell({ type: 'warning', message }),
  });
}

async function work(job: CopyJob): Promise<void> {
  const root = attachTree(job.tree);
  try {
    if (job.kind === 'pack') await pack(root, job.path, job.followLink);
    else if (job.kind === 'unpack') await unpack(root, job);
    else stat(root, job.path);
  } finally {
    closeSync(root);
  }
}

function answer(message: CopyMessage): void {
  tell(message);
  port?.close();
}

function failureOf(cause: unknown): SlipwayError {
  const error = wrapError('copy', cause);
  if (error.code !== 'SYSTEM_EROFS') return error;
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'READ_ONLY',
    message: error.message,
    hint: 'the container was made with --read-only, or what is mounted there is read-only',
    details: error.details,
  });
}

work(workerData as CopyJob).then(
  () => answer({ type: 'done' }),
  (cause: unknown) => {
    const { kind, code, message, hint, details } = failureOf(cause);
    answer({ type: 'failed', error: { kind, code, message, hint, details } });
  },
);
