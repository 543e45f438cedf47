import { contentPoint, definePlugin, differPoint } from '@slipway/plugin-api';
import { differTarConfig } from './config.js';

/** `differ.v1/tar`. */
export const plugin = definePlugin({
  provides: differPoint,
  id: 'tar',
  api: '1.0',
  config: differTarConfig,
  needs: { content: contentPoint },
  declares: { writes: ['overlay', 'directory'], stage: true, compare: true },
  activate: async ({ container, own }) => {
    const { TarDiffer } = await import('./tar-differ.js');
    return { instance: own(container.resolve(TarDiffer)), capabilities: { compare: true, stage: true } };
  },
});
