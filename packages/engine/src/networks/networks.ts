import type { Networks } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import type { Works } from '../works.js';

/** {@link Networks} of the engine. Every verb imports what it needs when it is called. */
export function engineNetworks(parts: EngineParts, works: Works): Networks {
  const named = (what: string, name: string): string => `${what} network ${JSON.stringify(name)}`;
  return {
    features: () =>
      works.carryOut('features of networks', async () => {
        const { engineNetwork } = await import('./plugin.js');
        return (await engineNetwork(parts)).network.features();
      }),
    create: (name, options = {}) =>
      works.carryOut(named('create', name), async () =>
        (await import('./create-network.js')).createNetwork(parts, name, options),
      ),
    list: (options = {}) =>
      works.carryOut('list networks', async () => (await import('./list-networks.js')).listNetworks(parts, options)),
    inspect: (name) =>
      works.carryOut(named('inspect', name), async () => (await import('./list-networks.js')).inspectNetwork(parts, name)),
    remove: (name, options = {}) =>
      works.carryOut(named('remove', name), async () => {
        const { removeNetwork } = await import('./remove-network.js');
        await removeNetwork(parts, name, { signal: works.orClosing(options.signal) });
      }),
    connect: (name, container, options = {}) =>
      works.carryOut(named(`connect container ${JSON.stringify(container)} to`, name), async () => {
        const { connectContainer } = await import('./connect.js');
        await connectContainer(parts, name, container, { ...options, signal: works.orClosing(options.signal) });
      }),
    disconnect: (name, container, options = {}) =>
      works.carryOut(named(`disconnect container ${JSON.stringify(container)} from`, name), async () => {
        const { disconnectContainer } = await import('./disconnect.js');
        await disconnectContainer(parts, name, container, { ...options, signal: works.orClosing(options.signal) });
      }),
    prune: (options = {}) =>
      works.carryOut('prune networks', async () => {
        const { pruneNetworks } = await import('./remove-network.js');
        return pruneNetworks(parts, { ...options, signal: works.orClosing(options.signal) });
      }),
  };
}
