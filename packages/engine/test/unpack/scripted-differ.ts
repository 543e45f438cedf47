import { setTimeout as sleep } from 'node:timers/promises';
import type { ApplyOptions, Descriptor, Differ, LayerTarget, LayerTree } from '@slipway/plugin-api';

export interface DifferScript {
  /** Carried out in the middle of the reading of a layer. */
  readonly reading?: (layer: Descriptor, options: ApplyOptions) => Promise<void>;
  readonly rebasing?: (layer: Descriptor) => Promise<void>;
  readonly diffId?: (layer: Descriptor) => string;
}

export interface ScriptedDiffer {
  readonly differ: Required<Pick<Differ, 'apply' | 'stage'>>;
  /** Calls in their order: `apply <layer>`, `stage <layer>`, `rebase <layer>`. */
  readonly calls: string[];
  /** What each target was put on, by its path: the paths of the trees below, topmost first. */
  readonly below: Map<string, string[]>;
  /** Most layers that were read at once. */
  readonly mostAtOnce: () => number;
}

/** A differ that reads no bytes: the diff ID of a layer is its digest, unless the script says otherwise. */
export function scriptedDiffer(script: DifferScript = {}): ScriptedDiffer {
  const calls: string[] = [];
  const below = new Map<string, string[]>();
  let [atOnce, most] = [0, 0];
  const paths = (trees: readonly LayerTree[]): string[] => trees.map(({ path }) => path);
  const read = async (layer: Descriptor, options: ApplyOptions): Promise<Descriptor> => {
    most = Math.max(most, ++atOnce);
    try {
      await sleep(1);
      await script.reading?.(layer, options);
      options.onProgress?.(layer.size);
      return { ...layer, digest: script.diffId?.(layer) ?? layer.digest };
    } finally {
      atOnce--;
    }
  };
  const differ = {
    apply: async (layer: Descriptor, target: LayerTarget, options: ApplyOptions = {}) => {
      calls.push(`apply ${layer.size}`);
      below.set(target.path, paths(target.lower));
      return read(layer, options);
    },
    stage: async (layer: Descriptor, target: LayerTarget, options: ApplyOptions = {}) => {
      calls.push(`stage ${layer.size}`);
      if (target.lower.length > 0) throw new Error('a layer is staged on nothing');
      const descriptor = await read(layer, options);
      return {
        descriptor,
        rebase: async (lower: readonly LayerTree[]) => {
          calls.push(`rebase ${layer.size}`);
          await script.rebasing?.(layer);
          below.set(target.path, paths(lower));
        },
      };
    },
  };
  return { differ, calls, below, mostAtOnce: () => most };
}
