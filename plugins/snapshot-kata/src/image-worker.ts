import { closeSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { writeTreeImage } from '@slipway/layers';
import { linux } from '@slipway/linux';
import type { LayerTree } from '@slipway/plugin-api';

/** An image to be written of a layer in the form of overlayfs. */
export interface ImageRequest {
  readonly tree: LayerTree;
  readonly file: string;
}

export interface ImageReply {
  /** Taken apart: errors lose their properties between threads. */
  readonly error?: { readonly message: string; readonly properties: Readonly<Record<string, unknown>> };
}

function write({ tree, file }: ImageRequest): void {
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

function attempt(): ImageReply {
  try {
    write(workerData as ImageRequest);
    return {};
  } catch (error) {
    const { message, code, errno, syscall, path, kind, hint, details } = error as NodeJS.ErrnoException & Record<string, unknown>;
    return {
      error: {
        message: error instanceof Error ? message : String(error),
        properties: { code, errno, syscall, path, kind, hint, details },
      },
    };
  }
}

parentPort?.postMessage(attempt());
