import { type CreateNetworkOptions, type NetworkDetails, step } from '@slipway/plugin-api';
import { checkTypes } from '../containers/option-types.js';
import type { EngineParts } from '../settings.js';
import { describeNetwork } from './list-networks.js';
import { tellNetworkEvent } from './network-event.js';
import { engineNetwork } from './plugin.js';

/** Names and settings are checked by the plugin, which knows its own kinds. */
export async function createNetwork(parts: EngineParts, name: string, options: CreateNetworkOptions): Promise<NetworkDetails> {
  checkTypes('createNetwork', options);
  const { network } = await engineNetwork(parts);
  const info = await network.create(name, options);
  step('network.created', { name });
  tellNetworkEvent(parts, 'create', name);
  return describeNetwork(parts, info, []);
}
