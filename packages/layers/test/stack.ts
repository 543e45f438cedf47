import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {
  type ApplyLayerOptions,
  applyLayer,
  createErofsImage,
  type ErofsForm,
  type LayerLimits,
  rebaseLayer,
  stageLayer,
} from '@slipway/layers';
import { linux } from '@slipway/linux';
import { isSlipwayError, type LayerTarget } from '@slipway/plugin-api';
import type { OwnTree } from './own-tree.js';
import { type Listing, list } from './tree-listing.js';

/** How a layer came where it is: staged ahead of those below, or in order because it could not be. */
export type Way = 'staged' | 'refused by stage' | 'refused by rebase';

interface Options {
  readonly limits?: LayerLimits;
  readonly chunk?: number;
}

/** Images of one form, topmost first: made in order, and staged. */
interface ImageStack {
  readonly form: ErofsForm;
  readonly inOrder: OwnTree[];
  readonly staged: OwnTree[];
}

/**
 * Layers applied one after the other: to one directory, to directories that overlayfs stacks, and to such directories each of
 * which was staged knowing nothing of those below. And the same to images.
 */
export class Stack implements Disposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-layers-'));
  readonly directory = path.join(this.folder, 'merged');
  readonly overlay: OwnTree[] = [];
  /** As `overlay`, by layers that were staged and rebased. */
  readonly staged: OwnTree[] = [];
  /** How the layers of `apply` came to `staged`. */
  readonly ways: Way[] = [];
  readonly images: readonly ImageStack[] = (['flat', 'tar-index'] as const).map((form) => ({ form, inOrder: [], staged: [] }));
  readonly warnings: string[] = [];
  #empty = path.join(this.folder, 'empty');
  #emptyImage = path.join(this.folder, 'empty.erofs');

  constructor() {
    mkdirSync(this.directory, { mode: 0o755 });
    mkdirSync(this.#empty);
    writeEmptyImage(this.#emptyImage);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async apply(layer: Buffer, options: Options = {}): Promise<void> {
    await this.applyDirectory(layer, options);
    await this.applyOverlay(layer, options);
    const way = await this.applyStaged(layer, options);
    this.ways.push(way);
    for (const images of this.images) {
      await this.applyImage(images, layer, options);
      const imageWay = await this.applyStagedImage(images, layer, options);
      if (imageWay !== way) throw new Error(`an image was ${imageWay}, a directory ${way}`);
    }
  }

  async applyImage(images: ImageStack, layer: Buffer, options: Options = {}): Promise<void> {
    const tree = this.#newImage(images, 'image', images.inOrder.length);
    await this.#apply(layer, { ...tree, lower: [...images.inOrder] }, { ...options, imageForm: images.form });
    images.inOrder.unshift(tree);
  }

  async applyStagedImage(images: ImageStack, layer: Buffer, options: Options = {}): Promise<Way> {
    const tree = this.#newImage(images, 'staged', images.staged.length);
    const again = (): OwnTree => this.#newImage(images, 'staged', images.staged.length);
    return await this.#applyStaged(layer, { tree, again, stack: images.staged, form: images.form }, options);
  }

  /** Whether images that were staged are those that were made in order, byte for byte. */
  areStagedImagesSame(): boolean {
    return this.images.every(({ inOrder, staged }) =>
      inOrder.every(({ path: one }, index) => readFileSync(one).equals(readFileSync(staged[index]?.path ?? ''))),
    );
  }

  listImages(): readonly Listing[] {
    return this.images.flatMap(({ inOrder, staged }) => [inOrder, staged].map((trees) => this.onImages(list, trees)));
  }

  /** Looks at what the kernel makes of images. */
  onImages<T>(look: (root: string) => T, trees: readonly OwnTree[]): T {
    const lower = [...trees.map((tree) => tree.path), this.#emptyImage].map((source) => {
      const devices = existsSync(archiveOf(source)) ? { devices: [archiveOf(source)] } : {};
      return { kind: 'erofs', source, ...devices } as const;
    });
    const fd = linux.mountDetached([{ kind: 'layers', lower }], { readOnly: true });
    try {
      return look(`/proc/self/fd/${fd}/.`);
    } finally {
      closeSync(fd);
    }
  }

  async applyDirectory(layer: Buffer, options: Options = {}): Promise<void> {
    await this.#apply(layer, { format: 'directory', path: this.directory, lower: [] }, options);
  }

  async applyOverlay(layer: Buffer, options: Options = {}): Promise<void> {
    const tree = this.#newTree('layer', this.overlay.length);
    await this.#apply(layer, { ...tree, lower: [...this.overlay] }, options);
    this.overlay.unshift(tree);
  }

  /** Stages the layer knowing nothing of those below, and puts it on them. In order where that is refused. */
  async applyStaged(layer: Buffer, options: Options = {}): Promise<Way> {
    const tree = this.#newTree('staged', this.staged.length);
    const again = (): OwnTree => this.#newTree('staged', this.staged.length);
    return await this.#applyStaged(layer, { tree, again, stack: this.staged }, options);
  }

  async #applyStaged(layer: Buffer, { tree, again, stack, form: imageForm }: Staging, options: Options): Promise<Way> {
    let way: Way = 'refused by stage';
    try {
      const { chunk = layer.length, limits } = options;
      // Through a clone, as it comes from a worker.
      const notes = structuredClone(
        await stageLayer(chunks(layer, chunk), { ...tree, lower: [] }, { system: linux, limits, imageForm }),
      );
      way = 'refused by rebase';
      rebaseLayer({ ...tree, lower: [...stack] }, notes, { system: linux });
      way = 'staged';
    } catch (error) {
      if (!isSlipwayError(error) || error.code !== 'LAYER_NEEDS_LOWER') throw error;
      await this.#apply(layer, { ...again(), lower: [...stack] }, { ...options, imageForm });
    }
    stack.unshift(tree);
    return way;
  }

  listDirectory(): Listing {
    return list(this.directory);
  }

  listOverlay(): Listing {
    return this.onOverlay((root) => list(root));
  }

  listStaged(): Listing {
    return this.onOverlay((root) => list(root), this.staged);
  }

  /** Looks at what the kernel makes of the layers. */
  onOverlay<T>(look: (root: string) => T, trees: readonly OwnTree[] = this.overlay): T {
    const lower = [...trees.map((tree) => tree.path), this.#empty];
    const fd = linux.mountDetached([{ kind: 'overlay', lower }], { readOnly: true });
    try {
      return look(`/proc/self/fd/${fd}/.`);
    } finally {
      closeSync(fd);
    }
  }

  #newTree(prefix: string, index: number): OwnTree {
    const tree: OwnTree = { format: 'overlay', path: path.join(this.folder, `${prefix}${index}`) };
    rmSync(tree.path, { recursive: true, force: true });
    mkdirSync(tree.path, { mode: 0o755 });
    return tree;
  }

  #newImage({ form }: ImageStack, prefix: string, index: number): LayerTarget {
    const image = path.join(this.folder, `${prefix}-${form}${index}.erofs`);
    for (const file of [image, archiveOf(image)]) rmSync(file, { force: true });
    return { format: 'erofs', path: image, lower: [] };
  }

  async #apply(layer: Buffer, target: LayerTarget, options: Options & Pick<ApplyLayerOptions, 'imageForm'>): Promise<void> {
    const { chunk = layer.length, limits, imageForm } = options;
    await applyLayer(chunks(layer, chunk), target, {
      system: linux,
      limits,
      imageForm,
      onWarning: (message) => this.warnings.push(message),
    });
  }
}

function writeEmptyImage(file: string): void {
  const fd = openSync(file, 'wx+');
  const root = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [] };
  createErofsImage(fd, { form: 'flat', root }).finish();
  closeSync(fd);
}

interface Staging {
  readonly tree: OwnTree;
  /** An empty one in its place. */
  readonly again: () => OwnTree;
  readonly stack: OwnTree[];
  readonly form?: ErofsForm;
}

function archiveOf(image: string): string {
  return image.replace(/\.erofs$/, '.tar');
}

function* chunks(layer: Buffer, size: number): Iterable<Uint8Array> {
  for (let at = 0; at < layer.length; at += size) yield layer.subarray(at, at + size);
}
