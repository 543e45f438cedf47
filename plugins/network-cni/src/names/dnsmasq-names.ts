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

/** Seconds that an answer may be kept: containers come and go. */
const timeToLive = 5;

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
    await this.#serve(what, network.name, folder, listening);
    step('network.names.served', { id: entry.id, network: network.name });
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
    const ids = folder.ids();
    const gone = ids.filter(isGone);
    if (gone.length === ids.length) {
      await stopDnsmasq(folder.pidFile);
      step('network.names.ended', { network });
      folder.remove();
      return;
    }
    for (const id of gone) folder.removeHosts(id);
    const pid = findDnsmasq(folder.pidFile);
    if (pid !== undefined && gone.length > 0) signalProcess(pid, 'SIGHUP');
  }

  async #serve(what: string, network: string, folder: NetworkFolder, address: string): Promise<void> {
    const pid = findDnsmasq(folder.pidFile);
    if (pid !== undefined) {
      signalProcess(pid, 'SIGHUP');
      return;
    }
    await startDnsmasq(what, {
      pidFile: folder.pidFile,
      addresses: [address],
      port: 53,
      folder: folder.seen,
      args: [
        '--resolv-file=/etc/resolv.conf',
        `--addn-hosts=${NetworkFolder.hostsInside}`,
        `--servers-file=${NetworkFolder.serversInside}`,
        // Names without a dot are of this network or of nobody.
        '--domain-needed',
        `--local-ttl=${timeToLive}`,
        '--no-negcache',
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
