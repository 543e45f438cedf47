import { closeSync, constants, openSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { linux } from '@slipway/linux';
import type { SnapshotUsage } from '@slipway/plugin-api';
import { copyTree } from './copy-tree.js';
import { measureTree } from './measure-tree.js';
import { removeTree } from './remove-tree.js';

/** What the worker does, one after the other: synchronous calls in a thread are several times faster than promises of fs. */
export type TreeJob =
  | { readonly kind: 'copy'; readonly from: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'measure'; readonly path: string }
  | { readonly kind: 'sync'; readonly path: string };

export interface TreeRequest {
  readonly id: number;
  readonly job: TreeJob;
}

export interface TreeReply {
  readonly id: number;
  readonly usage?: SnapshotUsage | undefined;
  /** As node:fs throws it, taken apart: errors lose their properties between threads. */
  readonly error?: { readonly message: string; readonly properties: Readonly<Record<string, unknown>> } | undefined;
}

function run(job: TreeJob): SnapshotUsage | undefined {
  switch (job.kind) {
    case 'copy':
      copyTree(job.from, job.to);
      return undefined;
    case 'remove':
      removeTree(job.path);
      return undefined;
    case 'measure':
      return measureTree(job.path);
    case 'sync': {
      // A container that has the volume may have put a FIFO there, or a link to a device, which opening would do something to.
      const fd = openSync(job.path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      try {
        linux.syncfs(fd);
      } finally {
        closeSync(fd);
      }
      return undefined;
    }
  }
}

parentPort?.on('message', ({ id, job }: TreeRequest) => {
  let reply: TreeReply;
  try {
    reply = { id, usage: run(job) };
  } catch (error) {
    const { message, code, errno, syscall, path } = error as NodeJS.ErrnoException;
    reply = {
      id,
      error: { message: error instanceof Error ? message : String(error), properties: { code, errno, syscall, path } },
    };
  }
  parentPort?.postMessage(reply);
});
