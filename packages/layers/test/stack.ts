import { closeSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { applyLayer, type LayerLimits, rebaseLayer, stageLayer } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { isSlipwayError, type LayerTarget, type LayerTree } from '@slipway/plugin-api';
import { type Listing, list } from './tree-listing.js';

/** How a layer came where it is: staged ahead of those below, or in order because it could not be. */
export type Way = 'staged' | 'refused by stage' | 'refused by rebase';

/**
 * Layers applied one after the other: to one directory, to directories that overlayfs stacks, and to such directories each of
 * which was staged knowing nothing of those below.
 */
export class Stack implements Disposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-layers-'));
  readonly directory = path.join(this.folder, 'merged');
  readonly overlay: LayerTree[] = [];
  /** As `overlay`, by layers that were staged and rebased. */
  readonly staged: LayerTree[] = [];
  /** How the layers of `apply` came to `staged`. */
  readonly ways: Way[] = [];
  readonly warnings: string[] = [];
  #empty = path.join(this.folder, 'empty');

  constructor() {
    mkdirSync(this.directory, { mode: 0o755 });
    mkdirSync(this.#empty);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async apply(layer: Buffer, options: { limits?: LayerLimits; chunk?: number } = {}): Promise<void> {
    await this.applyDirectory(layer, options);
    await this.applyOverlay(layer, options);
    this.ways.push(await this.applyStaged(layer, options));
  }

  async applyDirectory(layer: Buffer, options: { limits?: LayerLimits; chunk?: number } = {}): Promise<void> {
    await this.#apply(layer, { format: 'directory', path: this.directory, lower: [] }, options);
  }

  async applyOverlay(layer: Buffer, options: { limits?: LayerLimits; chunk?: number } = {}): Promise<void> {
    const tree = this.#newTree('layer', this.overlay.length);
    await this.#apply(layer, { ...tree, lower: [...this.overlay] }, options);
    this.overlay.unshift(tree);
  }

  /** Stages the layer knowing nothing of those below, and puts it on them. In order where that is refused. */
  async applyStaged(layer: Buffer, options: { limits?: LayerLimits; chunk?: number } = {}): Promise<Way> {
    let way: Way = 'refused by stage';
    const tree = this.#newTree('staged', this.staged.length);
    try {
      const { chunk = layer.length, limits } = options;
      // Through a clone, as it comes from a worker.
      const notes = structuredClone(await stageLayer(chunks(layer, chunk), { ...tree, lower: [] }, { system: linux, limits }));
      way = 'refused by rebase';
      rebaseLayer({ ...tree, lower: [...this.staged] }, notes, { system: linux });
      way = 'staged';
    } catch (error) {
      if (!isSlipwayError(error) || error.code !== 'LAYER_NEEDS_LOWER') throw error;
      await this.#apply(layer, { ...this.#newTree('staged', this.staged.length), lower: [...this.staged] }, options);
    }
    this.staged.unshift(tree);
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
  onOverlay<T>(look: (root: string) => T, trees: readonly LayerTree[] = this.overlay): T {
    const lower = [...trees.map((tree) => tree.path), this.#empty];
    const fd = linux.mountDetached([{ kind: 'overlay', lower }], { readOnly: true });
    try {
      return look(`/proc/self/fd/${fd}/.`);
    } finally {
      closeSync(fd);
    }
  }

  #newTree(prefix: string, index: number): LayerTree {
    const tree: LayerTree = { format: 'overlay', path: path.join(this.folder, `${prefix}${index}`) };
    rmSync(tree.path, { recursive: true, force: true });
    mkdirSync(tree.path, { mode: 0o755 });
    return tree;
  }

  async #apply(layer: Buffer, target: LayerTarget, options: { limits?: LayerLimits; chunk?: number }): Promise<void> {
    const { chunk = layer.length, limits } = options;
    await applyLayer(chunks(layer, chunk), target, {
      system: linux,
      limits,
      onWarning: (message) => this.warnings.push(message),
    });
  }
}

function* chunks(layer: Buffer, size: number): Iterable<Uint8Array> {
  for (let at = 0; at < layer.length; at += size) yield layer.subarray(at, at + size);
}
