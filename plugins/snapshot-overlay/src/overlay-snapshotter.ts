import { type MetadataStore, type PluginDirs, tokens } from '@slipway/plugin-api';
import { DirectorySnapshotter } from '@slipway/snapshots';
import { inject, injectable } from 'tsyringe';
import { overlayTrees } from './overlay-trees.js';

/** Snapshots as overlayfs layers: each keeps only what it changes. */
@injectable()
export class OverlaySnapshotter extends DirectorySnapshotter {
  constructor(@inject(tokens.dirs) dirs: PluginDirs, @inject(tokens.need('metadata')) metadata: MetadataStore) {
    super({ id: 'overlay', root: dirs.root, metadata, trees: overlayTrees });
  }
}
