import { closeSync, openSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { writeTreeImage } from '@slipway/layers';
import { linux } from '@slipway/linux';
import type { LayerTree } from '@slipway/plugin-api';

/** An image to be written of a layer in the form of overlayfs. */
export interface ImageJob {
  readonly tree: LayerTree;
  readonly file: string;
}

export interface ImageRequest {
  readonly id: number;
  readonly job: ImageJob;
}

export interface ImageReply {
  readonly id: number;
  /** Taken apart: errors lose their properties between threads. */
  readonly error?: { readonly message: string; readonly properties: Readonly<Record<string, unknown>> };
}

function write({ tree, file }: ImageJob): void {
  const fd = openSync(file, 'wx+', 0o600);
  try {
    if (tree.format !== 'ext4') {
      writeTreeImage(tree.path, fd, { system: linux });
      return;
    }
    const mounted = linux.mountUpper({ kind: 'block', source: tree.path, fstype: 'ext4', readOnly: true });
    try {
      writeTreeImage(`/proc/self/fd/${mounted}/upper`, fd, { system: linux });
    } finally {
      closeSync(mounted);
    }
  } finally {
    closeSync(fd);
  }
}

parentPort?.on('message', ({ id, job }: ImageRequest) => {
  let reply: ImageReply = { id };
  try {
    write(job);
  } catch (error) {
    const { message, code, errno, syscall, path, kind, hint, details } = error as NodeJS.ErrnoException & Record<string, unknown>;
    const properties = { code, errno, syscall, path, kind, hint, details };
    reply = { id, error: { message: error instanceof Error ? message : String(error), properties } };
  }
  parentPort?.postMessage(reply);
});
