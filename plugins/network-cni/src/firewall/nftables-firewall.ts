import { isDeepStrictEqual } from 'node:util';
import { type PublishedPort, step } from '@slipway/plugin-api';
import { refusal } from '../errors.js';
import { lockNamespace } from '../locks.js';
import type { OwnNetwork } from '../networks/own-network.js';
import type { Firewall } from '../services.js';
import { makeBridge, removeBridge, turnForwardingOn, writeSetting } from './bridge.js';
import { forgetUdp } from './conntrack.js';
import { trustBridge } from './firewalld.js';
import {
  applyNft,
  isVersion6,
  listNft,
  type NftElement,
  nftAddress,
  nftId,
  nftInterface,
  nftPort,
  nftProtocol,
  withoutPrefix,
} from './nft.js';
import { checkForwardPolicy } from './nftables-policy.js';
import { baseLines, networkLines, networkTargets, table, tableName } from './nftables-rules.js';
import { checkLoopback } from './published-ports.js';

/** A table of our own, changed by one transaction each time; what is of a container bears its id as the comment. */
export const nftablesFirewall: Firewall = {
  kind: 'nftables',
  chainPlugins: () => [],
  prepareNetwork,
  removeNetwork,
  publish,
  unpublish: async (id) => await unpublish(`unpublish the ports of ${nftId(id)}`, (owner) => owner === id),
  cleanup: async (living) => await unpublish('clean up published ports', (owner) => !living.has(owner)),
};

async function prepareNetwork(network: OwnNetwork): Promise<void> {
  const what = `prepare network "${network.name}"`;
  const isNew = await makeBridge(network);
  step('network.firewall.bridge', { network: network.name });
  {
    using _lock = await lockNamespace();
    await applyNft(what, networkLines(network));
  }
  step('network.firewall.prepared', { network: network.name });
  // Only now: from here on the host's own loopback addresses are guarded by a rule.
  if (network.subnets.some(({ subnet }) => !isVersion6(subnet))) writeSetting(`ipv4/conf/${network.bridge}/route_localnet`, '1');
  await turnForwardingOn(what, network);
  await trustBridge(what, network.bridge);
  if (isNew && !network.internal) await checkForwardPolicy(what);
}

async function removeNetwork(network: OwnNetwork): Promise<void> {
  const what = `remove network "${network.name}"`;
  using _lock = await lockNamespace();
  for (let tries = 0; ; tries++) {
    const lines = await removal(what, network.bridge);
    try {
      if (lines.length > 0) await applyNft(what, lines);
      break;
    } catch (error) {
      // Whoever is not us, and takes no lock, may have removed something of it since it was read.
      if (tries === 5) throw error;
    }
  }
  await removeBridge(network);
}

async function removal(what: string, bridge: string): Promise<string[]> {
  const listing = await listNft(what, [table]);
  const targets = networkTargets(bridge);
  const isBridge = ({ set, key }: NftElement): boolean => set === 'bridges' && key === nftInterface(bridge);
  if (!listing.elements.some((element) => element.set === 'bridges' && !isBridge(element))) {
    // The last one.
    return listing.chains.length > 0 ? [`delete table ${tableName}`] : [];
  }
  const elements = listing.elements.filter((element) => targets.includes(element.target ?? '') || isBridge(element));
  const chains = listing.chains.filter(({ name }) => targets.includes(name));
  return [...elements.map(deleteLine), ...chains.map(({ name }) => `delete chain ${tableName} ${name}`)];
}

const deleteLine = ({ set, key }: NftElement): string => `delete element ${tableName} ${set} { ${key} }`;

async function publish(
  id: string,
  ports: readonly PublishedPort[],
  { addresses }: { readonly addresses: readonly string[] },
): Promise<void> {
  if (ports.length === 0) return;
  const what = `publish ports of ${nftId(id)}`;
  checkLoopback(what, ports);
  const elements = ports.flatMap((port) => publishedElement(what, id, port, addresses.map(withoutPrefix)));
  const there = (await listNft(what, [table])).elements.filter(({ comment }) => comment !== undefined);
  for (const { set, key, port } of elements) {
    const other = there.find((element) => element.set === set && isDeepStrictEqual(element.key, key) && element.comment !== id);
    if (other === undefined) continue;
    throw refusal(
      'failed-precondition',
      'NETWORK_PORT_TAKEN',
      `${what}: port ${port.hostPort}/${port.protocol} of "${port.hostAddress}" leads to ${String(other.comment)}`,
      'choose another port of the host, or stop that container',
      { id, port: port.hostPort, other: other.comment },
    );
  }
  const mine = there.filter(({ comment }) => comment === id);
  await applyNft(what, [...baseLines, ...mine.map(deleteLine), ...elements.map(({ line }) => line)]);
  step('network.firewall.published', { id });
  await forgetUdp(what, ports);
}

interface PublishedElement {
  readonly set: string;
  readonly key: string;
  readonly port: PublishedPort;
  readonly line: string;
}

/** None for all addresses of a family that the container has no address of. */
function publishedElement(what: string, id: string, port: PublishedPort, addresses: readonly string[]): PublishedElement[] {
  const isSix = isVersion6(port.hostAddress);
  const isAny = port.hostAddress === '0.0.0.0' || port.hostAddress === '::';
  const target = addresses.find((address) => isVersion6(address) === isSix);
  if (target === undefined) {
    if (isAny) return [];
    throw refusal(
      'failed-precondition',
      'NETWORK_NO_ADDRESS',
      `${what}: port ${port.hostPort} of "${port.hostAddress}" cannot lead to a container without an IPv${isSix ? 6 : 4} address`,
      isSix ? 'create the network with IPv6' : undefined,
    );
  }
  const set = `${isAny ? 'ports' : 'host_ports'}${isSix ? 6 : 4}`;
  const key = [nftProtocol(port.protocol), ...(isAny ? [] : [nftAddress(port.hostAddress)]), nftPort(port.hostPort)].join(' . ');
  const line = `add element ${tableName} ${set} { ${key} comment "${id}" : ${target} . ${nftPort(port.containerPort)} }`;
  return [{ set, key, port, line }];
}

async function unpublish(what: string, isOwner: (id: string) => boolean): Promise<void> {
  const owned = ({ set, comment }: NftElement): boolean =>
    /^(host_)?ports[46]$/.test(set) && comment !== undefined && isOwner(comment);
  const elements = (await listNft(what, [table])).elements.filter(owned);
  let left = elements;
  while (left.length > 0) {
    try {
      await applyNft(what, left.map(deleteLine));
      break;
    } catch (error) {
      // Somebody else did the same at the same time: then there is nothing left, or what is left is deleted now.
      const there = (await listNft(what, [table])).elements.filter(owned);
      if (there.length >= left.length) throw error;
      left = there;
    }
  }
  const udp = elements.filter(({ key }) => key.startsWith('udp '));
  await forgetUdp(
    what,
    udp.map(({ key }) => ({ protocol: 'udp', hostPort: Number(key.split(' . ').at(-1)) })),
  );
}
