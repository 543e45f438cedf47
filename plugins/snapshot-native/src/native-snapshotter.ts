import { type MetadataStore, type PluginDirs, tokens } from '@slipway/plugin-api';
import { DirectorySnapshotter } from '@slipway/snapshots';
import { inject, injectable } from 'tsyringe';
import { nativeTrees } from './native-trees.js';

/** Snapshots as whole copies, for hosts without overlayfs. */
@injectable()
export class NativeSnapshotter extends DirectorySnapshotter {
  constructor(@inject(tokens.dirs) dirs: PluginDirs, @inject(tokens.need('metadata')) metadata: MetadataStore) {
    super({ id: 'native', root: dirs.root, metadata, trees: nativeTrees });
  }
}
