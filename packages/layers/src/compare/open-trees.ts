import type { LayerTree } from '@slipway/plugin-api';
import { openMerged, type TreeAccess } from './merged-tree.js';
import type { WalkOptions } from './walk.js';

/** What it takes to walk two merged trees, topmost first, side by side. */
export function openTrees(
  access: TreeAccess,
  lower: readonly LayerTree[],
  upper: readonly LayerTree[],
  depth: number,
  checkpoint: () => void,
): WalkOptions {
  return {
    access,
    lower: openMerged(access, lower),
    upper: openMerged(access, upper),
    onTop: treesOnTop(lower, upper),
    depth,
    checkpoint,
  };
}

function treesOnTop(lower: readonly LayerTree[], upper: readonly LayerTree[]): number | undefined {
  const onTop = upper.length - lower.length;
  const isOnTop =
    onTop >= 0 &&
    lower.every(({ path, format }, index) => {
      const same = upper[onTop + index];
      return same?.path === path && same.format === format;
    });
  return isOnTop ? onTop : undefined;
}
