import type { LayerTree } from '@slipway/plugin-api';
import { fromText, quote } from '../bytes.js';
import { LowerImages } from '../erofs-apply/lower-images.js';
import { layerError } from '../errors.js';
import type { BaseDirectory } from './base.js';
import type { FolderAccess } from './folder-part.js';
import { openFolder } from './root.js';

/** The roots of trees, which may be of several formats. What they are read through stays open until it is disposed of. */
export class BaseTrees implements Disposable {
  readonly #access: FolderAccess;
  readonly #images = new LowerImages();

  constructor(access: FolderAccess) {
    this.#access = access;
  }

  /** Topmost first, as they are given. */
  open(trees: readonly LayerTree[]): BaseDirectory[] {
    return trees.map((tree) => {
      if (tree.format === 'ext4')
        throw layerError(
          'LAYER_FORMAT_UNSUPPORTED',
          `read ${quote(fromText(tree.path))}: what a container has changed is no layer yet`,
        );
      return tree.format === 'erofs' ? this.#images.open(tree) : openFolder(tree, tree.format, this.#access);
    });
  }

  [Symbol.dispose](): void {
    this.#images[Symbol.dispose]();
  }
}
