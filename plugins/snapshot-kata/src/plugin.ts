import { definePlugin, metadataPoint, snapshotterPoint } from '@slipway/plugin-api';
import { configSchema } from './config.js';
import { KataSnapshotter, upperBytes } from './kata-snapshotter.js';
import { MadeFiles } from './made-files.js';
import { isMkfsThere } from './mkfs.js';
import { mkfsHint } from './template.js';
import { Templates } from './templates.js';

export const plugin = definePlugin({
  provides: snapshotterPoint,
  id: 'kata',
  api: '1.0',
  config: configSchema,
  declares: { produces: ['layers'], layerTarget: 'erofs', rebase: true },
  needs: { metadata: metadataPoint },
  activate: ({ config, container, dirs, own, skip }) => {
    if (process.geteuid?.() !== 0) skip('files of other owners cannot be made without root', 'run as root');
    const isMade = (): boolean => new Templates(new MadeFiles(dirs.root)).isThere(upperBytes(config));
    if (config.upper === 'ext4' && !isMade() && !isMkfsThere()) skip('mkfs.ext4 was not found', mkfsHint);
    return { instance: own(container.resolve(KataSnapshotter)), capabilities: { rebase: true, upper: config.upper } };
  },
});
