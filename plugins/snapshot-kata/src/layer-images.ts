import { closeSync, openSync, statSync } from 'node:fs';
import { linux } from '@slipway/linux';
import type { LayerTree, SnapshotUsage } from '@slipway/plugin-api';
import { ImageThread } from './image-thread.js';
import { layerMount } from './layer-files.js';
import type { MadeFiles } from './made-files.js';
import type { RootAttributes } from './root-attributes.js';

const emptyFile = 'empty.erofs';
const plainRoot: RootAttributes = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [] };

/** EROFS images that the snapshotter writes itself. */
export class LayerImages implements AsyncDisposable {
  readonly #files: MadeFiles;
  readonly #thread = new ImageThread();

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

  /** Of what was written into an upper. Nothing is flushed. */
  async write(tree: LayerTree, file: string): Promise<void> {
    await this.#thread.run({ kind: 'image', tree, file });
  }

  /** Writes the hash tree of an image to `file`. Fulfils with its root digest. Nothing is flushed. */
  readonly writeHashes = async (image: string, file: string): Promise<string> =>
    await this.#thread.run({ kind: 'verity', image, file });

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
    await this.#thread[Symbol.asyncDispose]();
  }
}
