import { closeSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { applyLayer, type LayerLimits } from '@slipway/layers';
import { linux } from '@slipway/linux';
import type { LayerTarget, LayerTree } from '@slipway/plugin-api';
import { type Listing, list } from './tree-listing.js';

/** Layers applied one after the other, to one directory and to directories that overlayfs stacks. */
export class Stack implements Disposable {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-layers-'));
  readonly directory = path.join(this.folder, 'merged');
  readonly overlay: LayerTree[] = [];
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
  }

  async applyDirectory(layer: Buffer, options: { limits?: LayerLimits; chunk?: number } = {}): Promise<void> {
    await this.#apply(layer, { format: 'directory', path: this.directory, lower: [] }, options);
  }

  async applyOverlay(layer: Buffer, options: { limits?: LayerLimits; chunk?: number } = {}): Promise<void> {
    const tree: LayerTree = { format: 'overlay', path: path.join(this.folder, `layer${this.overlay.length}`) };
    rmSync(tree.path, { recursive: true, force: true });
    mkdirSync(tree.path, { mode: 0o755 });
    await this.#apply(layer, { ...tree, lower: [...this.overlay] }, options);
    this.overlay.unshift(tree);
  }

  listDirectory(): Listing {
    return list(this.directory);
  }

  listOverlay(): Listing {
    return this.onOverlay((root) => list(root));
  }

  /** Looks at what the kernel makes of the layers. */
  onOverlay<T>(look: (root: string) => T): T {
    const lower = [...this.overlay.map((tree) => tree.path), this.#empty];
    const fd = linux.mountDetached([{ kind: 'overlay', lower }], { readOnly: true });
    try {
      return look(`/proc/self/fd/${fd}/.`);
    } finally {
      closeSync(fd);
    }
  }

  async #apply(layer: Buffer, target: LayerTarget, options: { limits?: LayerLimits; chunk?: number }): Promise<void> {
    const { chunk = layer.length, limits } = options;
    function* chunks(): Iterable<Uint8Array> {
      for (let at = 0; at < layer.length; at += chunk) yield layer.subarray(at, at + chunk);
    }
    await applyLayer(chunks(), target, { system: linux, limits, onWarning: (message) => this.warnings.push(message) });
  }
}
