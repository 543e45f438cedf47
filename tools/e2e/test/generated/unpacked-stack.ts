import { closeSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { listTree, type TreeEntry } from '@slipway/fs-tree';
import { applyLayer, rebaseLayer, stageLayer } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { isSlipwayError, type LayerTree } from '@slipway/plugin-api';

/** A stack of layers as the snapshotters keep it, each form in a folder of its own. */
export class UnpackedStack implements Disposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'slipway-generated-'));
  readonly #empty = this.#directory('empty');

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** As one merged directory. */
  async directory(layers: readonly Buffer[]): Promise<TreeEntry[]> {
    const root = this.#directory('merged');
    for (const layer of layers) await applyLayer([layer], { format: 'directory', path: root, lower: [] }, { system: linux });
    return listTree(root);
  }

  /** As directories that overlayfs shows on top of each other, one after the other. */
  async inOrder(layers: readonly Buffer[]): Promise<TreeEntry[]> {
    const trees: LayerTree[] = [];
    for (const [index, layer] of layers.entries()) {
      const tree = { format: 'overlay', path: this.#directory(`layer${index}`) } as const;
      await applyLayer([layer], { ...tree, lower: [...trees] }, { system: linux });
      trees.unshift(tree);
    }
    return this.#mounted(trees);
  }

  /** As directories again, each layer staged before those below are there. */
  async inParallel(layers: readonly Buffer[]): Promise<TreeEntry[]> {
    const staged = await Promise.all(layers.map((layer, index) => this.#stage(layer, index)));
    const trees: LayerTree[] = [];
    for (const [index, layer] of layers.entries()) {
      const tree = { format: 'overlay', path: path.join(this.folder, `staged${index}`) } as const;
      const lower = [...trees];
      const notes = staged[index];
      if (!notes || !needsNoOrder(() => rebaseLayer({ ...tree, lower }, notes, { system: linux }))) {
        rmSync(tree.path, { recursive: true });
        await applyLayer([layer], { format: 'overlay', path: this.#directory(`staged${index}`), lower }, { system: linux });
      }
      trees.unshift(tree);
    }
    return this.#mounted(trees);
  }

  async #stage(layer: Buffer, index: number): Promise<Awaited<ReturnType<typeof stageLayer>> | undefined> {
    const target = { format: 'overlay', path: this.#directory(`staged${index}`), lower: [] } as const;
    try {
      return await stageLayer([layer], target, { system: linux });
    } catch (error) {
      // Whatever is wrong with the layer shows again when it is applied in order.
      if (isSlipwayError(error) && error.kind !== 'internal') return undefined;
      throw error;
    }
  }

  #directory(name: string): string {
    const directory = path.join(this.folder, name);
    mkdirSync(directory, { mode: 0o755 });
    return directory;
  }

  #mounted(trees: readonly LayerTree[]): TreeEntry[] {
    const lower = [...trees.map((tree) => tree.path), this.#empty];
    const fd = linux.mountDetached([{ kind: 'overlay', lower }], { readOnly: true });
    try {
      return listTree(`/proc/self/fd/${fd}/.`);
    } finally {
      closeSync(fd);
    }
  }
}

function needsNoOrder(rebase: () => void): boolean {
  try {
    rebase();
    return true;
  } catch (error) {
    if (isSlipwayError(error) && error.code === 'LAYER_NEEDS_LOWER') return false;
    throw error;
  }
}
