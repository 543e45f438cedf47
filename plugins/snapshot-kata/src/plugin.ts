import { definePlugin, metadataPoint, snapshotterPoint } from '@slipway/plugin-api';
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
  activate: ({ config, container, own, skip }) => {
    if (process.geteuid?.() !== 0) skip('files of other owners cannot be made without root', 'run as root');
    const snapshotter = own(container.resolve(KataSnapshotter));
    if (!snapshotter.canMake()) skip('mkfs.ext4 was not found', mkfsHint);
    return { instance: snapshotter, capabilities: { rebase: true, upper: config.upper } };
  },
});
