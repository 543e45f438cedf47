import { definePlugin, volumePoint } from '@slipway/plugin-api';
import { LocalVolumes } from './local-volumes.js';

/** `volume.v1/local`. */
export const plugin = definePlugin({
  provides: volumePoint,
  id: 'local',
  api: '1.0',
  activate: ({ container, own, skip }) => {
    if (process.geteuid?.() !== 0) skip('volumes keep the owners of files and cannot be mounted without root', 'run as root');
    return { instance: own(container.resolve(LocalVolumes)) };
  },
});
