import { closeSync, openSync, statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { linux } from '@slipway/linux';
import { type LayerTree, SlipwayError, type SnapshotUsage } from '@slipway/plugin-api';
import type { ImageReply, ImageRequest } from './image-worker.js';
import { layerMount } from './layer-files.js';
import type { MadeFiles } from './made-files.js';
import type { RootAttributes } from './root-attributes.js';

const emptyFile = 'empty.erofs';
const plainRoot: RootAttributes = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [] };

/** EROFS images that the snapshotter writes itself. */
export class LayerImages implements AsyncDisposable {
  readonly #files: MadeFiles;
  readonly #workers = new Set<Worker>();
  #isDisposed = false;

  constructor(files: MadeFiles) {
    this.#files = files;
  }

  /** An image of nothing, for trees without a layer. */
  get empty(): string {
    return this.#files.path(emptyFile);
  }

  async makeEmpty(): Promise<void> {
    if (this.#files.isThere(emptyFile)) return;
    const { createErofsImage } = await import('@slipway/layers');
    await this.#files.make(emptyFile, async (_folder, { fd }) => {
      const image = createErofsImage(fd, { form: 'flat', root: plainRoot });
      image.finish();
    });
  }

  /** A layer that changes nothing. */
  async writeEmpty(file: string, root: RootAttributes = plainRoot): Promise<void> {
    const { createErofsImage } = await import('@slipway/layers');
    const fd = openSync(file, 'wx+', 0o600);
    try {
      const image = createErofsImage(fd, { form: 'flat', root });
      image.finish();
    } finally {
      closeSync(fd);
    }
  }

  /** Of what was written into an upper, in a thread. Nothing is flushed. */
  async write(tree: LayerTree, file: string): Promise<void> {
    if (this.#isDisposed) throw canceled();
    // It closes descriptors that no call of node:fs has opened, of which Node would warn.
    const worker = new Worker(new URL('./image-worker.js', import.meta.url), {
      workerData: { tree, file } satisfies ImageRequest,
      trackUnmanagedFds: false,
    });
    this.#workers.add(worker);
    try {
      const reply = await new Promise<ImageReply>((resolve, reject) => {
        worker.on('message', resolve);
        worker.on('error', reject);
        worker.on('exit', () => reject(canceled()));
      });
      if (reply.error !== undefined) throw Object.assign(new Error(reply.error.message), reply.error.properties);
    } finally {
      this.#workers.delete(worker);
      await worker.terminate();
    }
  }

  /** Whether its root hides what is below. */
  readonly hidesAll = (image: string): boolean => {
    const fd = linux.mountDetached([layerMount(image)]);
    try {
      return linux.lgetxattr(`/proc/self/fd/${fd}/.`, 'trusted.overlay.opaque')?.toString('latin1') === 'y';
    } finally {
      closeSync(fd);
    }
  };

  async usage(image: string, files: readonly string[]): Promise<SnapshotUsage> {
    const { openErofsImage } = await import('@slipway/layers');
    const fd = openSync(image, 'r');
    try {
      const { inodes } = openErofsImage(fd, { name: image });
      return { bytes: files.reduce((bytes, file) => bytes + statSync(file).blocks * 512, 0), inodes };
    } finally {
      closeSync(fd);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    for (const worker of this.#workers) await worker.terminate();
  }
}

function canceled(): SlipwayError {
  return new SlipwayError({ kind: 'canceled', code: 'CANCELED', message: 'work on a snapshot was canceled' });
}
