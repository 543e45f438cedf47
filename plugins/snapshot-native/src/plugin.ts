import { definePlugin, metadataPoint, snapshotterPoint } from '@slipway/plugin-api';
import { NativeSnapshotter } from './native-snapshotter.js';

export const plugin = definePlugin({
  provides: snapshotterPoint,
  id: 'native',
  api: '1.0',
  declares: { produces: ['bind'], layerTarget: 'directory' },
  needs: { metadata: metadataPoint },
  activate: ({ container, own, skip }) => {
    if (process.geteuid?.() !== 0) skip('owners, devices and trusted attributes cannot be copied without root', 'run as root');
    return { instance: own(container.resolve(NativeSnapshotter)) };
  },
});
