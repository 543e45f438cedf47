export { diffTrees, type TreeDifference } from './diff-trees.ts';
export { escapeBytes, type TreeEntry, type TreeEntryType } from './entry.ts';
export { listTree } from './list-tree.ts';
export { type LayerSource, treeOfLayers } from './tree-of-layers.ts';
