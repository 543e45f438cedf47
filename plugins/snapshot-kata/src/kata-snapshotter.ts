import { type MetadataStore, type PluginDirs, tokens } from '@slipway/plugin-api';
import { DirectorySnapshotter } from '@slipway/snapshots';
import { inject, injectable } from 'tsyringe';
import type { Config } from './config.js';
import { kataTrees } from './kata-trees.js';
import { LayerImages } from './layer-images.js';
import { MadeFiles } from './made-files.js';
import { Templates } from './templates.js';
import { directoryUpper, ext4Upper, type Upper } from './upper.js';

/** Snapshots as images of file systems: what a virtual machine takes as disks, and a host that mounts them as layers. */
@injectable()
export class KataSnapshotter extends DirectorySnapshotter {
  readonly #files: MadeFiles;
  readonly #images: LayerImages;
  readonly #upper: Upper;

  constructor(
    @inject(tokens.dirs) dirs: PluginDirs,
    @inject(tokens.need('metadata')) metadata: MetadataStore,
    @inject(tokens.config) config: Config,
  ) {
    const files = new MadeFiles(dirs.root);
    const images = new LayerImages(files);
    const uppers = [ext4Upper(config.upper_size * 2 ** 20, new Templates(files)), directoryUpper()] as const;
    const upper = config.upper === 'ext4' ? uppers[0] : uppers[1];
    super({ id: 'kata', root: dirs.root, metadata, trees: kataTrees({ upper, uppers, images, verity: config.verity }) });
    this.#files = files;
    this.#images = images;
    this.#upper = upper;
  }

  /** Whether this host has what a snapshot is made with. */
  canMake(): boolean {
    return this.#upper.canMake();
  }

  override async cleanup(): Promise<void> {
    await super.cleanup();
    this.#files.cleanup();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#images[Symbol.asyncDispose]();
  }
}
