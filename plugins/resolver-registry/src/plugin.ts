import { definePlugin, resolverPoint } from '@slipway/plugin-api';
import { registryConfig } from './config.js';

export const plugin = definePlugin({
  provides: resolverPoint,
  id: 'registry',
  api: '1.0',
  config: registryConfig,
  declares: { login: true, push: true, referrers: true },
  activate: async ({ container, own }) => {
    const { RegistryResolver } = await import('./registry-resolver.js');
    return { instance: own(container.resolve(RegistryResolver)), capabilities: { login: true, push: true, referrers: true } };
  },
});
