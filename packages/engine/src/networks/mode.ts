import type { ContainerSettings, NetworkChoice } from '@slipway/plugin-api';

/** What a container's network is. */
export type NetworkMode =
  | { readonly kind: 'none' | 'host' }
  | { readonly kind: 'container'; readonly name: string }
  | { readonly kind: 'networks'; readonly networks: readonly NetworkChoice[] };

const none: NetworkMode = { kind: 'none' };

/** What the words of the settings stand for. @param defaultNetwork what `default` is called here; `none` */
export function networkMode({ network }: Pick<ContainerSettings, 'network'>, defaultNetwork: string): NetworkMode {
  if (network === undefined || network === 'none') return none;
  if (network === 'host') return { kind: 'host' };
  if (typeof network === 'string' && network.startsWith('container:'))
    return { kind: 'container', name: network.slice('container:'.length) };
  const choices = typeof network === 'string' ? [{ network }] : network;
  const networks = choices
    .map((choice) => (choice.network === 'default' ? { ...choice, network: defaultNetwork } : choice))
    .filter((choice) => choice.network !== 'none');
  return networks.length === 0 ? none : { kind: 'networks', networks };
}

/** One choice of a word that is no network's name is that word: then settings are the same, however they were written. */
export function plainNetwork(network: ContainerSettings['network']): ContainerSettings['network'] {
  if (network === undefined || typeof network === 'string' || network.length !== 1) return network;
  const [only] = network;
  return only !== undefined && isWord(only.network) && Object.keys(only).length === 1 ? only.network : network;
}

/** `none`, `host`, `container:NAME`. */
export function isWord(network: string): boolean {
  return network === 'none' || network === 'host' || network.startsWith('container:');
}
