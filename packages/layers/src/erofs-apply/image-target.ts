import { hasCode, type LayerTarget } from '@slipway/plugin-api';
import { fromText, quote } from '../bytes.js';
import { createErofsImage, resumeErofsImage } from '../erofs/image-writer.js';
import type { ErofsImageWriter } from '../erofs/types.js';
import { layerError } from '../errors.js';
import { type Attributes, unlistedDirectory } from '../tree/attributes.js';
import type { BaseDirectory } from '../tree/base.js';
import { DirectoryNode } from '../tree/node.js';
import { rootAttributes } from '../tree/root.js';
import type { Target, TargetOptions } from '../tree/target.js';
import { OpenFiles, tarOf } from './image-file.js';
import { ImageTreeWriter } from './image-tree-writer.js';
import { KeptArchive } from './kept-archive.js';
import { LowerImages } from './lower-images.js';

/** An EROFS image that a layer becomes, over the images of those below. */
export class ImageTarget implements Target {
  readonly writer: ImageTreeWriter;
  readonly root: DirectoryNode;
  readonly lower: readonly BaseDirectory[];
  readonly form = 'overlay';
  readonly #owned = new DisposableStack();
  readonly #files = this.#owned.use(new OpenFiles());
  #archive: KeptArchive | undefined;

  constructor(target: LayerTarget, options: TargetOptions) {
    try {
      const images = this.#owned.use(new LowerImages());
      this.lower = target.lower.map((tree) => images.open(tree));
      const [top] = this.lower;
      const attributes = top ? rootAttributes(top, this.lower) : unlistedDirectory;
      const image = options.isStaged ? this.#resume(target) : this.#create(target, options, attributes);
      const { checkpoint, warn } = options;
      this.writer = new ImageTreeWriter({ image, checkpoint, warn, archive: this.#archive });
      const copyFrom = top && { at: top, name: '.' };
      this.root = options.isStaged
        ? new DirectoryNode(undefined, '', [], image.attributesOf(image.root), undefined)
        : new DirectoryNode(undefined, '', this.lower, attributes, copyFrom);
      this.root.made = true;
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  take(chunk: Uint8Array): void {
    this.#archive?.take(chunk);
  }

  [Symbol.dispose](): void {
    this.#owned[Symbol.dispose]();
  }

  #create({ path }: LayerTarget, { imageForm: form }: TargetOptions, root: Attributes): ErofsImageWriter {
    const what = `apply layer to ${quote(fromText(path))}`;
    try {
      const fd = this.#files.create(path);
      if (form === 'tar-index') this.#archive = new KeptArchive(this.#files.create(tarOf(path)));
      return createErofsImage(fd, { form, root });
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      throw layerError('LAYER_TARGET_INVALID', `${what}: the file is there already`, {
        hint: 'prepare a new snapshot for each layer',
        cause: error,
      });
    }
  }

  #resume({ path }: LayerTarget): ErofsImageWriter {
    const image = resumeErofsImage(this.#files.change(path));
    if (image.form === 'tar-index') this.#archive = new KeptArchive(this.#files.read(tarOf(path)));
    return image;
  }
}
