import type { SnapshotTrees } from '@slipway/snapshots';

/** `fs` is the whole tree. A view needs none of its own: its parent never changes. */
export const nativeTrees: SnapshotTrees = {
  async fill({ kind, tree, parents: [parent] }, jobs) {
    if (kind !== 'active' || parent === undefined) return;
    await jobs.copy(parent, tree);
    // The copy is of many files: flushed at once, so that a row never names a tree with holes.
    await jobs.sync(tree);
  },

  mounts: ({ kind, tree, parents: [parent] }) =>
    kind === 'view'
      ? [{ kind: 'bind', source: parent ?? tree, readOnly: true }]
      : [{ kind: 'bind', source: tree, readOnly: false }],

  trees: ({ kind, tree, parents: [parent] }) => [{ format: 'directory', path: kind === 'view' ? (parent ?? tree) : tree }],

  layerTarget: ({ tree }) => ({ format: 'directory', path: tree, lower: [] }),

  async settle() {
    // Everything that was needed to make the tree is the tree.
  },
};
