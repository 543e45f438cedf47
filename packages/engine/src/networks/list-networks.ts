import type { ListNetworksOptions, NetworkDetails, NetworkInfo } from '@slipway/plugin-api';
import { type FoundContainer, lookUp } from '../containers/find.js';
import { hasLabels } from '../containers/labels.js';
import { checkTypes } from '../containers/option-types.js';
import type { EngineParts } from '../settings.js';
import { engineNetwork } from './plugin.js';
import { networkUsers } from './users.js';

/** All kinds of filters that are given must hold; of several values of one kind one must, of labels all. */
export async function listNetworks(parts: EngineParts, options: ListNetworksOptions): Promise<readonly NetworkDetails[]> {
  checkTypes('listNetworks', options);
  const { filters = {} } = options;
  const { name: names, driver: drivers, label: labels = [], dangling } = filters;
  const { network } = await engineNetwork(parts);
  const users = networkUsers(parts);
  return (await network.list())
    .map((info) => describeNetwork(parts, info, users(info.name)))
    .filter(({ name }) => names === undefined || names.some((part) => name.includes(part)))
    .filter(({ driver }) => drivers === undefined || drivers.includes(driver))
    .filter((info) => hasLabels(info.labels, labels))
    .filter(({ containers }) => dangling === undefined || dangling === (containers.length === 0));
}

export async function inspectNetwork(parts: EngineParts, name: string): Promise<NetworkDetails> {
  const { network } = await engineNetwork(parts);
  const info = await network.inspect(realName(parts, name));
  return describeNetwork(parts, info, networkUsers(parts)(info.name));
}

/** `default` is the one that the config says. */
export function realName({ settings }: Pick<EngineParts, 'settings'>, name: string): string {
  return name === 'default' ? settings.defaultNetwork : name;
}

/** Those that have it, and those that are attached though they do not have it any more: who removes or disconnects them is at work, or was killed. */
export function describeNetwork(
  parts: Pick<EngineParts, 'metadata' | 'settings'>,
  { attached, ...info }: NetworkInfo,
  users: readonly FoundContainer[],
): NetworkDetails {
  const addresses = new Map(attached.map((one) => [one.id, one.addresses]));
  const others = attached.filter(({ id }) => users.every((user) => user.id !== id));
  const containers = [
    ...users.map(({ id, row }) => ({ id, name: row.name, addresses: addresses.get(id) ?? [] })),
    ...others.map(({ id, addresses: own }) => ({ id, name: nameOf(parts, id), addresses: own })),
  ];
  return { ...info, default: info.name === parts.settings.defaultNetwork, containers };
}

function nameOf({ metadata }: Pick<EngineParts, 'metadata'>, id: string): string {
  return metadata.read((tx) => lookUp(tx, id))?.row.name ?? '';
}
