import { definePlugin, networkPoint } from '@slipway/plugin-api';
import { CniNetworks } from './cni-networks.js';
import { configSchema } from './config.js';

/** `network.v1/cni`. */
export const plugin = definePlugin({
  provides: networkPoint,
  id: 'cni',
  api: '1.0',
  config: configSchema,
  activate: ({ container, own, skip }) => {
    if (process.geteuid?.() !== 0) skip('networks cannot be made without root', 'run as root');
    return { instance: own(container.resolve(CniNetworks)) };
  },
});
