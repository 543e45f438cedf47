import { closeSync, fstatSync, openSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { writeTreeImage, writeVerityTree } from '@slipway/layers';
import { linux } from '@slipway/linux';
import type { LayerTree } from '@slipway/plugin-api';

export type ImageJob =
  /** An image to be written of a layer in the form of overlayfs. */
  | { readonly kind: 'image'; readonly tree: LayerTree; readonly file: string }
  /** The hash tree of an image. */
  | { readonly kind: 'verity'; readonly image: string; readonly file: string };

export interface ImageRequest {
  readonly id: number;
  readonly job: ImageJob;
}

export interface ImageReply {
  readonly id: number;
  /** Of `verity`; else empty. */
  readonly rootDigest?: string;
  /** Taken apart: errors lose their properties between threads. */
  readonly error?: { readonly message: string; readonly properties: Readonly<Record<string, unknown>> };
}

function carryOut(job: ImageJob): string {
  const fd = openSync(job.file, 'wx+', 0o600);
  try {
    if (job.kind === 'verity') return writeHashes(job.image, fd);
    writeImage(job.tree, fd);
    return '';
  } finally {
    closeSync(fd);
  }
}

function writeHashes(image: string, hashFd: number): string {
  const data = openSync(image, 'r');
  try {
    const dataBytes = fstatSync(data).size;
    // Named by nothing: it is found by the image that it lies beside.
    return writeVerityTree(data, { dataBytes, hashFd, hashOffset: 0, salt: Buffer.alloc(0), uuid: Buffer.alloc(16) }).rootDigest;
  } finally {
    closeSync(data);
  }
}

function writeImage(tree: LayerTree, fd: number): void {
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
}

parentPort?.on('message', ({ id, job }: ImageRequest) => {
  let reply: ImageReply;
  try {
    reply = { id, rootDigest: carryOut(job) };
  } catch (error) {
    const { message, code, errno, syscall, path, kind, hint, details } = error as NodeJS.ErrnoException & Record<string, unknown>;
    const properties = { code, errno, syscall, path, kind, hint, details };
    reply = { id, error: { message: error instanceof Error ? message : String(error), properties } };
  }
  parentPort?.postMessage(reply);
});
