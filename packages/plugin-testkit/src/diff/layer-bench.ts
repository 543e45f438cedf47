import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasCode, type LayerFormat, type LayerTarget, type LayerTree, type StagedLayer } from '@slipway/plugin-api';
import { inTrees } from '../trees/mounted-trees.js';
import { listTree, type TreeListing } from '../trees/tree-listing.js';
import { type DifferInstance, putBlob } from './subject.js';

/** How layers get into trees: one after the other in a format, or staged side by side and rebased. */
export type Manner = LayerFormat | 'staged';

/** A format in which each layer has a tree of its own. */
export type OverlaidFormat = Exclude<LayerFormat, 'directory'>;

/** Layers that were put on each other. */
export interface LayerStack {
  /** Topmost first. */
  readonly trees: readonly LayerTree[];
  /** How many layers said `LAYER_NEEDS_LOWER`, and were applied in order. */
  readonly inOrder: number;
}

/**
 * Trees beside a "host" that no layer may reach. Every application is followed by a look at everything around its target: other trees and
 * the host must be as before, down to times and link counts.
 */
export class LayerBench {
  /** A folder that stands for the host. It has `canary` in it. */
  readonly host: string;
  /** What layers are staged in. */
  readonly overlaid: OverlaidFormat;
  readonly #folder: string;
  readonly #instance: DifferInstance;
  #made = 0;

  constructor(folder: string, instance: DifferInstance, formats: readonly LayerFormat[]) {
    this.overlaid = formats.find((format): format is OverlaidFormat => format !== 'directory') ?? 'overlay';
    this.#folder = folder;
    this.#instance = instance;
    this.host = join(folder, 'host');
    mkdirSync(this.host, { recursive: true });
    writeFileSync(join(this.host, 'canary'), 'canary');
    mkdirSync(join(folder, 'trees'));
  }

  /** Another place for trees, where what lies here is not looked at: for another differ, or for one case of many. */
  of(instance: DifferInstance): LayerBench {
    return new LayerBench(join(this.#folder, `of${this.#made++}`), instance, [this.overlaid]);
  }

  /** A new, empty target. */
  target(format: LayerFormat, lower: readonly LayerTree[] = []): LayerTarget {
    const place = join(this.#folder, 'trees', String(this.#made++));
    mkdirSync(place, { mode: 0o755 });
    const path = format === 'erofs' ? join(place, 'layer.erofs') : place;
    return { format, path, lower: format === 'directory' ? [] : lower };
  }

  async stack(manner: Manner, layers: readonly Buffer[]): Promise<LayerStack> {
    if (manner === 'directory') return await this.#inOneDirectory(layers);
    const attempts = manner === 'staged' ? await this.#stageAll(layers) : layers.map(() => undefined);
    let trees: readonly LayerTree[] = [];
    let inOrder = 0;
    for (const [index, layer] of layers.entries()) {
      const rebased = await this.#rebase(attempts[index], trees);
      if (rebased !== undefined) trees = [rebased, ...trees];
      else {
        if (manner === 'staged') inOrder++;
        const target = this.target(manner === 'staged' ? this.overlaid : manner, trees);
        await this.#apply(layer, target);
        trees = [target, ...trees];
      }
    }
    return { trees, inOrder };
  }

  /** What is seen of trees, topmost first, through a real mount. In an image that is not there yet is nothing. */
  list(trees: readonly LayerTree[]): TreeListing {
    return inTrees(
      trees.filter(({ format, path }) => format !== 'erofs' || existsSync(path)),
      listTree,
    );
  }

  async tree(manner: Manner, layers: readonly Buffer[]): Promise<TreeListing> {
    return this.list((await this.stack(manner, layers)).trees);
  }

  /** Trees, topmost first, that are what `layers`, whose trees are `lower`, make, with a change made through a mount. */
  async change(
    format: LayerFormat,
    layers: readonly Buffer[],
    lower: readonly LayerTree[],
    change: (path: string) => void,
  ): Promise<readonly LayerTree[]> {
    if (format === 'directory') {
      const { trees } = await this.stack(format, layers);
      inTrees(trees, change);
      return trees;
    }
    const target = this.target('overlay', lower);
    const work = join(this.#folder, 'work');
    mkdirSync(work, { recursive: true });
    inTrees(lower, change, { upper: target.path, work });
    return [target, ...lower];
  }

  /** A file around the targets, for another process to read. */
  file(name: string, content: Uint8Array): string {
    const path = join(this.#folder, name);
    writeFileSync(path, content);
    return path;
  }

  /** Everything around some targets, as it lies on disk. */
  around(...targets: readonly LayerTree[]): TreeListing {
    const inside = targets.map(placeOf).map((path) => path.slice(this.#folder.length + 1));
    const all = Object.entries(listTree(this.#folder, { raw: true }));
    return Object.fromEntries(all.filter(([name]) => !inside.some((own) => name === own || name.startsWith(`${own}/`))));
  }

  async #inOneDirectory(layers: readonly Buffer[]): Promise<LayerStack> {
    const target = this.target('directory');
    for (const layer of layers) await this.#apply(layer, target);
    return { trees: [target], inOrder: 0 };
  }

  async #apply(layer: Buffer, target: LayerTarget): Promise<void> {
    const blob = await putBlob(this.#instance.content, layer);
    await this.#leavingOthersAlone(target, () => this.#instance.differ.apply(blob, target));
  }

  /** All at once, as a pull does it; none knows of the others. */
  async #stageAll(layers: readonly Buffer[]): Promise<readonly StageAttempt[]> {
    const { content, differ } = this.#instance;
    const blobs = await Promise.all(layers.map((layer) => putBlob(content, layer)));
    const targets = blobs.map(() => this.target(this.overlaid));
    const before = this.around(...targets);
    const attempts = await Promise.all(
      targets.map(async (target, index): Promise<StageAttempt> => {
        const blob = blobs[index];
        assert.ok(blob !== undefined && differ.stage !== undefined);
        try {
          return { target, staged: await differ.stage(blob, target) };
        } catch (error) {
          return { target, error };
        }
      }),
    );
    assert.deepEqual(this.around(...targets), before, 'something outside the targets was changed');
    return attempts;
  }

  /** The tree of a layer that was staged, or undefined when it has to be applied in order. */
  async #rebase(attempt: StageAttempt | undefined, lower: readonly LayerTree[]): Promise<LayerTree | undefined> {
    if (attempt === undefined) return undefined;
    const { target, staged, error } = attempt;
    try {
      if (staged === undefined) throw error;
      await this.#leavingOthersAlone(target, () => staged.rebase(lower));
      return { format: target.format, path: target.path };
    } catch (reason) {
      if (!hasCode(reason, 'LAYER_NEEDS_LOWER')) throw reason;
      await rm(target.path, { recursive: true, force: true });
      return undefined;
    }
  }

  async #leavingOthersAlone(target: LayerTree, work: () => Promise<unknown>): Promise<void> {
    const before = this.around(target);
    try {
      await work();
    } finally {
      assert.deepEqual(escaped(), [], 'an absolute name or link was followed out of the root');
      assert.deepEqual(this.around(target), before, 'something outside the target was changed');
    }
  }
}

/** What absolute names of the cases have led to on the host itself. It is removed, so that one broken differ fails alone. */
function escaped(): string[] {
  const names = readdirSync('/').filter((name) => name.startsWith('slipway-laws'));
  for (const name of names) rmSync(`/${name}`, { recursive: true });
  return names;
}

/** An image is in a folder of its own, where it may have an archive with its content beside it. */
function placeOf({ format, path }: LayerTree): string {
  return format === 'erofs' ? dirname(path) : path;
}

interface StageAttempt {
  readonly target: LayerTarget;
  readonly staged?: StagedLayer;
  readonly error?: unknown;
}
