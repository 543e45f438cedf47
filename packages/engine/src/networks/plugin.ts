import { type Network, SlipwayError } from '@slipway/plugin-api';
import type { ContainerRow } from '../metadata/containers.js';
import type { EngineParts } from '../settings.js';

type WithNetworks = Pick<EngineParts, 'networks' | 'settings'>;

/** Of the default stack; undefined where that has none. */
export function defaultNetworkPlugin({ settings }: Pick<EngineParts, 'settings'>): string | undefined {
  return settings.stacks[settings.defaultStack]?.network;
}

/** The plugin that a container's stack had when it was made. */
export function networkPluginOf(parts: Pick<EngineParts, 'settings'>, row: Pick<ContainerRow, 'network'>): string | undefined {
  return row.network ?? defaultNetworkPlugin(parts);
}

/** Errors: `failed-precondition` with NETWORK_PLUGIN_NONE; those of its activation. */
export async function requireNetworkPlugin(
  { networks }: Pick<EngineParts, 'networks'>,
  id: string | undefined,
): Promise<Network> {
  if (id !== undefined) return networks.get(id);
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'NETWORK_PLUGIN_NONE',
    message: 'no container can join a network: the stack names no plugin for them',
    hint: 'set stack.network in the config, as in network = "cni"',
  });
}

/** Networks are those of the default stack. */
export async function engineNetwork(parts: WithNetworks): Promise<{ readonly plugin: string; readonly network: Network }> {
  const plugin = defaultNetworkPlugin(parts);
  return { plugin: plugin ?? '', network: await requireNetworkPlugin(parts, plugin) };
}
