import { definePlugin, hasCode, metadataPoint, snapshotterPoint } from '@slipway/plugin-api';
import { configSchema } from './config.js';
import { KataSnapshotter } from './kata-snapshotter.js';
import { mkfsHint } from './template.js';

export const plugin = definePlugin({
  provides: snapshotterPoint,
  id: 'kata',
  api: '1.0',
  config: configSchema,
  declares: { produces: ['layers'], layerTarget: 'erofs', rebase: true },
  needs: { metadata: metadataPoint },
  activate: async ({ config, container, own, skip }) => {
    if (process.geteuid?.() !== 0) skip('files of other owners cannot be made without root', 'run as root');
    const snapshotter = own(container.resolve(KataSnapshotter));
    try {
      await snapshotter.makeShared();
    } catch (error) {
      if (hasCode(error, 'MKFS_MISSING')) skip('mkfs.ext4 was not found', mkfsHint);
      throw error;
    }
    return { instance: snapshotter, capabilities: { rebase: true, upper: config.upper } };
  },
});
