import { readdirSync } from 'node:fs';
import path from 'node:path';
import { hasCode, step } from '@slipway/plugin-api';
import { isVersion6, nftAddress, nftId } from '../firewall/nft.js';
import type { OwnNetwork } from '../networks/own-network.js';
import type { JoinedNetwork, Names, NamesEntry } from '../services.js';
import { ContainerResolvers } from './container-resolvers.js';
import { findDnsmasq, folderInside, signalProcess, startDnsmasq, stopDnsmasq } from './dnsmasq.js';
import { checkedHostName } from './host-names.js';
import { lockFolder } from './locked-folder.js';
import { type Listening, NetworkFolder } from './network-folder.js';

/** Seconds that an answer may be kept: containers come and go. */
const timeToLive = 5;

const namesArgs = [
  `--servers-file=${NetworkFolder.serversInside}`,
  // Names without a dot are of this network or of nobody.
  '--domain-needed',
  `--local-ttl=${timeToLive}`,
  '--no-negcache',
];

/**
 * One dnsmasq for each network that has containers, on the network's gateway; it knows that network's names and no other's. A container in several networks, or with nameservers of
 * its own, has another one for itself.
 */
export class DnsmasqNames implements Names {
  readonly #folder: string;
  readonly #containers: ContainerResolvers;

  /** `folder` is one that does not outlive a boot. */
  constructor(folder: string) {
    this.#folder = path.join(folder, 'networks');
    this.#containers = new ContainerResolvers(path.join(folder, 'own'), (name) => this.#of(name));
  }

  async add(network: OwnNetwork, entry: NamesEntry): Promise<{ nameservers: string[]; search: string[] }> {
    const what = `names of "${nftId(entry.id)}" in network "${network.name}"`;
    const text = hostsOf(what, network.name, entry);
    const folder = this.#of(network.name);
    using _lock = await lockFolder(folder, true);
    folder.setHosts(entry.id, text);
    step('network.names.written', { id: entry.id, network: network.name });
    const listening = resolverAddress(network);
    await this.#readAgain(what, folder);
    await this.#serve(what, network.name, folder, { address: listening, isInternal: network.internal });
    step('network.names.served', { id: entry.id, network: network.name });
    return { nameservers: [listening], search: [network.name] };
  }

  async join(id: string, joined: readonly JoinedNetwork[], nameservers: readonly string[]): Promise<void> {
    const what = `resolver of "${nftId(id)}"`;
    // Where none of its networks leads out, questions do not, either.
    const isInternal = joined.every(({ network }) => network.internal);
    if (joined.length === 0 || (joined.length === 1 && (nameservers.length === 0 || isInternal))) {
      await this.#containers.remove(what, id);
      return;
    }
    const networks = joined.map(({ network, addresses }) => ({
      name: network.name,
      listening: resolverAddress(network),
      addresses,
    }));
    await this.#containers.serve(what, { id, networks, nameservers, isInternal, args: namesArgs });
  }

  async remove(network: OwnNetwork, id: string): Promise<void> {
    await this.#removeFrom(network.name, (each) => each === nftId(id));
  }

  async cleanup(living: ReadonlySet<string>): Promise<void> {
    await this.#containers.keepOnly('clean up resolvers', (id) => living.has(id));
    for (const name of filesIn(this.#folder)) await this.#removeFrom(name, (id) => !living.has(id));
  }

  async #removeFrom(network: string, isGone: (id: string) => boolean): Promise<void> {
    const folder = this.#of(network);
    using lock = await lockFolder(folder, false);
    if (lock === undefined) return;
    const what = `names of network "${network}"`;
    const ids = folder.ids();
    const gone = ids.filter(isGone);
    if (gone.length === ids.length) {
      await stopDnsmasq(folder.pidFile);
      step('network.names.ended', { network });
      folder.remove();
      return;
    }
    for (const id of gone) folder.removeHosts(id);
    await this.#readAgain(what, folder);
    // Somebody may have killed it.
    const listening = folder.listening();
    if (listening !== undefined) await this.#serve(what, network, folder, listening);
  }

  /** What was written is known by whoever asks after this: a signal is looked at before a question. */
  async #readAgain(what: string, folder: NetworkFolder): Promise<void> {
    const pid = findDnsmasq(folder.pidFile);
    if (pid !== undefined) signalProcess(pid, 'SIGHUP');
    await this.#containers.readAgain(what, folder.ids());
  }

  async #serve(what: string, network: string, folder: NetworkFolder, listening: Listening): Promise<void> {
    if (findDnsmasq(folder.pidFile) !== undefined) return;
    folder.setListening(listening);
    await startDnsmasq(what, {
      pidFile: folder.pidFile,
      addresses: [listening.address],
      port: 53,
      folders: [{ path: folder.seen, inside: folderInside }],
      args: [
        listening.isInternal ? '--no-resolv' : '--resolv-file=/etc/resolv.conf',
        ...namesArgs,
        `--addn-hosts=${NetworkFolder.hostsInside}`,
      ],
    });
    step('network.names.started', { network });
  }

  #of(network: string): NetworkFolder {
    return new NetworkFolder(path.join(this.#folder, network));
  }
}

function resolverAddress({ subnets }: OwnNetwork): string {
  const gateways = subnets.map(({ gateway }) => nftAddress(gateway));
  // One is enough: it answers for addresses of both families. A new IPv6 one cannot be used for a second.
  return gateways.find((gateway) => !isVersion6(gateway)) ?? gateways[0] ?? '';
}

/** The first name of an address is the one that a question for the address is answered with. */
function hostsOf(what: string, network: string, { names, aliases, addresses }: NamesEntry): string {
  const short = [...new Set([...names, ...aliases])].map((name) => checkedHostName(what, name));
  const all = short.flatMap((name) => [`${name}.${network}`, name]);
  return addresses.map((address) => `${[nftAddress(address), ...all].join(' ')}\n`).join('');
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
