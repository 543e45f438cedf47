import { readdirSync } from 'node:fs';
import path from 'node:path';
import { hasCode, step } from '@slipway/plugin-api';
import { isVersion6, nftAddress, nftId } from '../firewall/nft.js';
import { lockPath, type PathLock } from '../locks.js';
import type { OwnNetwork } from '../networks/own-network.js';
import type { Names, NamesEntry } from '../services.js';
import { findDnsmasq, signalProcess, startDnsmasq, stopDnsmasq } from './dnsmasq.js';
import { checkedHostName } from './host-names.js';
import { NetworkFolder } from './network-folder.js';
import { OwnResolvers } from './own-resolvers.js';
import { startOwnUpstream, stopOwnUpstream } from './own-upstream.js';

/** Seconds that an answer may be kept: containers come and go. */
const timeToLive = 5;

const namesArgs = [
  `--addn-hosts=${NetworkFolder.hostsInside}`,
  `--servers-file=${NetworkFolder.serversInside}`,
  // Names without a dot are of this network or of nobody.
  '--domain-needed',
  `--local-ttl=${timeToLive}`,
  '--no-negcache',
];

/** One dnsmasq for each network that has containers, on the network's gateway; it knows that network's names and no other's. */
export class DnsmasqNames implements Names {
  readonly #folder: string;

  /** `folder` is one that does not outlive a boot. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async add(network: OwnNetwork, entry: NamesEntry): Promise<{ nameservers: string[]; search: string[] }> {
    const what = `names of "${nftId(entry.id)}" in network "${network.name}"`;
    const text = hostsOf(what, network.name, entry);
    const folder = this.#of(network.name);
    using _lock = await locked(folder, true);
    folder.setHosts(entry.id, text);
    step('network.names.written', { id: entry.id, network: network.name });
    const listening = resolverAddress(network);
    this.#readAgain(folder);
    await this.#serve(what, network.name, folder, listening);
    step('network.names.served', { id: entry.id, network: network.name });
    const { id, addresses, nameservers = [] } = entry;
    if (nameservers.length > 0) {
      const own = { id, addresses: addresses.map(nftAddress), listening, nameservers, folder: folder.seen, args: namesArgs };
      await startOwnUpstream(what, this.#own(folder), own);
    }
    return { nameservers: [listening], search: [network.name] };
  }

  async remove(network: OwnNetwork, id: string): Promise<void> {
    await this.#removeFrom(network.name, (each) => each === nftId(id));
  }

  async cleanup(living: ReadonlySet<string>): Promise<void> {
    for (const name of filesIn(this.#folder)) await this.#removeFrom(name, (id) => !living.has(id));
  }

  async #removeFrom(network: string, isGone: (id: string) => boolean): Promise<void> {
    const folder = this.#of(network);
    using lock = await locked(folder, false);
    if (lock === undefined) return;
    const what = `names of network "${network}"`;
    const ids = folder.ids();
    const gone = ids.filter(isGone);
    for (const id of gone) await stopOwnUpstream(what, this.#own(folder), id, folder.addresses(id));
    if (gone.length === ids.length) {
      await stopDnsmasq(folder.pidFile);
      step('network.names.ended', { network });
      folder.remove();
      return;
    }
    for (const id of gone) folder.removeHosts(id);
    if (gone.length > 0) this.#readAgain(folder);
    await this.#revive(what, network, folder);
  }

  /** Resolvers that somebody has killed. */
  async #revive(what: string, network: string, folder: NetworkFolder): Promise<void> {
    const listening = folder.listening();
    if (listening !== undefined) await this.#serve(what, network, folder, listening);
    const own = this.#own(folder);
    for (const id of own.ids()) {
      const settings = own.settings(id);
      if (settings !== undefined && !own.isRunning(id)) await own.start(what, id, settings);
    }
  }

  /** What was written is known by whoever asks after this: a signal is looked at before a question. */
  #readAgain(folder: NetworkFolder): void {
    const own = this.#own(folder);
    for (const pid of [findDnsmasq(folder.pidFile), ...own.ids().map((id) => own.process(id))]) {
      if (pid !== undefined) signalProcess(pid, 'SIGHUP');
    }
  }

  #own(folder: NetworkFolder): OwnResolvers {
    return new OwnResolvers(path.join(folder.path, 'own'));
  }

  async #serve(what: string, network: string, folder: NetworkFolder, address: string): Promise<void> {
    if (findDnsmasq(folder.pidFile) !== undefined) return;
    folder.setListening(address);
    await startDnsmasq(what, {
      pidFile: folder.pidFile,
      addresses: [address],
      port: 53,
      folder: folder.seen,
      args: ['--resolv-file=/etc/resolv.conf', ...namesArgs],
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

async function locked(folder: NetworkFolder, isMade: true): Promise<PathLock>;
async function locked(folder: NetworkFolder, isMade: boolean): Promise<PathLock | undefined>;
async function locked(folder: NetworkFolder, isMade: boolean): Promise<PathLock | undefined> {
  for (;;) {
    if (isMade) folder.make();
    try {
      const lock = await lockPath(folder.path, 'exclusive');
      // The one who had it last may have removed what is in it.
      if (isMade) folder.make();
      return lock;
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      if (!isMade) return undefined;
    }
  }
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
