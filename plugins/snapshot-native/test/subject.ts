import 'reflect-metadata';
import { join } from 'node:path';
import { fileMetadata, type OpenSnapshotter, openPlugin } from '@slipway/plugin-testkit/subjects';
import { plugin } from '@slipway/snapshot-native';

/** The plugin on `<root>/plugin`, with its books in a file beside it. */
export const openSubject: OpenSnapshotter = async (root) => {
  const metadata = fileMetadata(join(root, 'metadata.json'));
  // Makes its file, so that what changes on disk afterwards is the snapshotter's.
  await metadata.write(() => undefined);
  return await openPlugin(plugin, {
    dirs: { root: join(root, 'plugin'), state: join(root, 'state') },
    needs: { metadata },
  });
};
