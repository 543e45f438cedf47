import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileMetadata } from '@slipway/plugin-testkit';
import { DirectorySnapshotter } from '@slipway/snapshots';

const root = process.argv[2] as string;
mkdirSync(join(root, 'plugin'));
await using snapshotter = new DirectorySnapshotter({
  id: 'test',
  root: join(root, 'plugin'),
  metadata: fileMetadata(join(root, 'rows.json')),
  trees: {
    fill: async () => {},
    mounts: () => [],
    trees: () => [],
    layerTarget: ({ tree }) => ({ format: 'directory', path: tree, lower: [] }),
    settle: async () => {},
  },
});
await snapshotter.prepare('k');
writeFileSync(join((await snapshotter.layerTarget('k')).path, 'file'), 'content');
await snapshotter.commit('name', 'k');
