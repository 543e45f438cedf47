import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileMetadata, type OpenSnapshotter } from '@slipway/plugin-testkit/subjects';
import { DirectorySnapshotter, type SnapshotTrees } from '@slipway/snapshots';

/** Whole copies: the simplest trees there are. */
export const copies: SnapshotTrees = {
  async fill({ kind, tree, parents: [parent] }, jobs) {
    if (kind === 'active' && parent !== undefined) await jobs.copy(parent, tree);
  },
  mounts: ({ kind, tree, parents: [parent] }) =>
    kind === 'view'
      ? [{ kind: 'bind', source: parent ?? tree, readOnly: true }]
      : [{ kind: 'bind', source: tree, readOnly: false }],
  trees: ({ kind, tree, parents: [parent] }) => [{ format: 'directory', path: kind === 'view' ? (parent ?? tree) : tree }],
  layerTarget: ({ tree }) => ({ format: 'directory', path: tree, lower: [] }),
  async settle() {},
};

export function opener(trees: SnapshotTrees): OpenSnapshotter {
  return async (root) => {
    const folder = join(root, 'plugin');
    mkdirSync(folder, { recursive: true });
    const metadata = fileMetadata(join(root, 'rows.json'));
    // Makes its file, so that what changes on disk afterwards is the snapshotter's.
    await metadata.write(() => undefined);
    const instance = new DirectorySnapshotter({
      id: 'test',
      root: folder,
      metadata,
      trees,
    });
    return { instance, capabilities: {}, folder, [Symbol.asyncDispose]: () => instance[Symbol.asyncDispose]() };
  };
}

export const openSubject: OpenSnapshotter = opener(copies);
