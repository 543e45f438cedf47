import type { Logger, PluginDirs } from '@slipway/plugin-api';
import type { CniConfig } from './config.js';
import type { Services } from './services.js';

export async function openServices(_config: CniConfig, _dirs: PluginDirs, _log: Logger): Promise<Services> {
  const nothing = async (): Promise<void> => undefined;
  return {
    firewall: {
      kind: 'iptables',
      chainPlugins: () => [{ type: 'portmap', capabilities: { portMappings: true } }],
      prepareNetwork: nothing,
      removeNetwork: nothing,
      publish: nothing,
      unpublish: nothing,
      cleanup: nothing,
    },
    names: { add: async () => ({ nameservers: [], search: [] }), remove: nothing, cleanup: nothing },
    egress: {
      restrict: async (_id, _policy, _attachments, nameservers) => ({ nameservers }),
      release: nothing,
      cleanup: nothing,
    },
  };
}
