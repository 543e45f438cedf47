import { definePlugin, metadataPoint, snapshotterPoint } from '@slipway/plugin-api';
import { OverlaySnapshotter } from './overlay-snapshotter.js';
import { rememberedProbe } from './remembered-probe.js';

export const plugin = definePlugin({
  provides: snapshotterPoint,
  id: 'overlay',
  api: '1.0',
  declares: { produces: ['overlay', 'bind'], layerTarget: 'overlay', rebase: true },
  needs: { metadata: metadataPoint },
  activate: ({ container, dirs, own, skip }) => {
    const refusal = rememberedProbe(dirs);
    if (refusal !== undefined) skip(refusal.reason, refusal.hint);
    return { instance: own(container.resolve(OverlaySnapshotter)), capabilities: { overlay: true, rebase: true } };
  },
});
