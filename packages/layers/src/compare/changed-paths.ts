import type { LayerTree } from '@slipway/plugin-api';
import type { ByteString } from '../bytes.js';
import { defaultLimits } from '../limits.js';
import { HandleTable } from '../tree/handle.js';
import { inChangedTree } from './changed.js';
import { findChanges } from './changes.js';
import type { CompareTreesOptions } from './compare.js';
import { ImageMounts } from './image-mounts.js';
import { openTrees } from './open-trees.js';

export interface ChangedPath {
  /** From the root, without a slash at its beginning. */
  readonly path: ByteString;
  readonly kind: 'added' | 'changed' | 'deleted';
}

/**
 * What makes the merged trees `lower` the merged trees `upper`, by path: what {@link compareTrees} would write, as people look at it. A directory
 * comes before its content, names in the order of their bytes. The directories on the way to a change are changed ones; what was in a deleted directory
 * is not listed, and the root never is. File system work is synchronous. Errors: as {@link compareTrees}.
 */
export function* changedPaths(
  lower: readonly LayerTree[],
  upper: readonly LayerTree[],
  { system, limits = defaultLimits, checkpoint = () => undefined }: CompareTreesOptions,
): Generator<ChangedPath> {
  using handles = new HandleTable();
  using mounts = new ImageMounts(system);
  try {
    for (const change of findChanges(openTrees({ system, handles, mounts }, lower, upper, limits.depth, checkpoint))) {
      const { type, path } = change;
      if (path !== '') yield { path, kind: type === 'remove' ? 'deleted' : change.isNew ? 'added' : 'changed' };
    }
  } catch (error) {
    throw inChangedTree(error);
  }
}
