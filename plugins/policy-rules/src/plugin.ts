import { definePlugin, policyPoint } from '@slipway/plugin-api';
import { rulesConfig } from './config.js';

/** `policy.v1/rules`. */
export const plugin = definePlugin({
  provides: policyPoint,
  id: 'rules',
  api: '1.0',
  config: rulesConfig,
  activate: async ({ container, own }) => {
    const { RulesPolicy } = await import('./rules-policy.js');
    return { instance: own(container.resolve(RulesPolicy)) };
  },
});
