import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hasCode, step } from '@slipway/plugin-api';
import { applyNft, isVersion6, listNft, type NftTable, nftAddress, nftId, nftPort } from '../firewall/nft.js';
import { lockNamespace } from '../locks.js';
import { folderInside, signalProcess } from './dnsmasq.js';
import { lockFolder, type SharedFolder } from './locked-folder.js';
import { NetworkFolder, serverLines } from './network-folder.js';
import { freePort, OwnResolvers, type ResolverSettings } from './own-resolvers.js';

const table: NftTable = { family: 'inet', name: 'slipway_names' };
const tableName = `${table.family} ${table.name}`;

/** What a container with addresses asks a network's resolver is led to one of its own; after that of an egress policy, which has its own, too. */
const baseLines = [
  `add table ${tableName}`,
  `add map ${tableName} resolvers4 { type ipv4_addr : inet_service; }`,
  `add map ${tableName} resolvers6 { type ipv6_addr : inet_service; }`,
  `add chain ${tableName} resolvers { type nat hook prerouting priority -105; policy accept; }`,
  `flush chain ${tableName} resolvers`,
  ...['ip', 'ip6'].map(
    (family) =>
      `add rule ${tableName} resolvers fib daddr type local meta l4proto { tcp, udp } th dport 53 redirect to :${family} saddr map @resolvers${family === 'ip' ? 4 : 6}`,
  ),
];

export interface ContainerNames {
  readonly id: string;
  readonly networks: readonly {
    readonly name: string;
    /** Of its resolver. */
    readonly listening: string;
    /** The container's. */
    readonly addresses: readonly string[];
  }[];
  /** Default: the host's. */
  readonly nameservers: readonly string[];
  /** Nobody else is asked: questions would be a way out of internal networks. */
  readonly isInternal: boolean;
  readonly args: readonly string[];
}

/**
 * Resolvers of single containers, each on all addresses where its container asks: what one resolver of two networks does not know, no program asks the other one for. A folder each:
 *
 *     settings.json, pid   as of any resolver of ours
 *     seen/                as it sees it
 *       hosts/<number>     where the hosts files of a network are shown
 *       servers            names that are never asked for elsewhere, of all its networks
 */
export class ContainerResolvers {
  readonly #folder: string;
  readonly #resolvers: OwnResolvers;
  readonly #network: (name: string) => NetworkFolder;

  constructor(folder: string, network: (name: string) => NetworkFolder) {
    this.#folder = folder;
    this.#resolvers = new OwnResolvers(folder);
    this.#network = network;
  }

  /** With the names of these networks from now on, in place of what it had. */
  async serve(what: string, { id, networks, nameservers, isInternal, args }: ContainerNames): Promise<void> {
    using _lock = await lockFolder(this.#of(id), true);
    const upstream =
      nameservers.length === 0 && !isInternal
        ? ['--resolv-file=/etc/resolv.conf']
        : ['--no-resolv', ...(isInternal ? [] : nameservers).map((address) => `--server=${nftAddress(address)}`)];
    const hosts = networks.map(({ name }, index) => ({
      path: this.#network(name).hosts,
      inside: path.join(NetworkFolder.hostsInside, String(index)),
    }));
    for (const index of hosts.keys()) mkdirSync(this.#seen(id, 'hosts', String(index)), { recursive: true, mode: 0o755 });
    const settings = {
      addresses: [...new Set(networks.map(({ listening }) => listening))],
      args: [...upstream, ...args, ...hosts.map(({ inside }) => `--addn-hosts=${inside}`)],
      folders: [{ path: this.#seen(id), inside: folderInside }, ...hosts],
      networks: networks.map(({ name }) => name),
    };
    this.#writeServers(id, settings.networks);
    await this.#resolvers.stop(id);
    const port = await this.#start(what, id, settings);
    await lead(
      what,
      id,
      networks.flatMap(({ addresses }) => addresses),
      port,
    );
    step('network.names.own', { id });
  }

  /** Whoever is none of these. */
  async keepOnly(what: string, living: (id: string) => boolean): Promise<void> {
    for (const id of this.#resolvers.ids()) if (!living(id)) await this.remove(what, id);
  }

  async remove(what: string, id: string): Promise<void> {
    if (!this.#resolvers.ids().includes(id)) return;
    using lock = await lockFolder(this.#of(id), false);
    if (lock === undefined) return;
    await lead(what, id, [], undefined);
    await this.#resolvers.remove(id);
    step('network.names.own-ended', { id });
  }

  /** Those that are of these containers read their networks' names again; one that somebody has killed is started. */
  async readAgain(what: string, ids: readonly string[]): Promise<void> {
    for (const id of this.#resolvers.ids().filter((each) => ids.includes(each))) {
      // Two networks may change at once: the last one writes the names of both.
      using lock = await lockFolder(this.#of(id), false);
      const settings = lock === undefined ? undefined : this.#resolvers.settings(id);
      if (settings === undefined) continue;
      this.#writeServers(id, settings.networks ?? []);
      const pid = this.#resolvers.process(id);
      if (pid === undefined) await this.#resolvers.start(what, id, settings);
      else signalProcess(pid, 'SIGHUP');
    }
  }

  async #start(what: string, id: string, settings: Omit<ResolverSettings, 'port'>): Promise<number> {
    for (let tries = 0; ; tries++) {
      const port = await freePort(settings.addresses[0] ?? '');
      try {
        await this.#resolvers.start(what, id, { ...settings, port });
        return port;
      } catch (error) {
        if (tries > 20 || !hasCode(error, 'NETWORK_RESOLVER_ADDRESS_TAKEN')) throw error;
      }
    }
  }

  #writeServers(id: string, networks: readonly string[]): void {
    const temporary = path.join(this.#folder, id, 'servers.new');
    // Its reader is nobody.
    writeFileSync(temporary, serverLines(networks.flatMap((name) => this.#network(name).names())), { mode: 0o644 });
    renameSync(temporary, this.#seen(id, 'servers'));
  }

  #seen(id: string, ...names: readonly string[]): string {
    return path.join(this.#folder, id, 'seen', ...names);
  }

  #of(id: string): SharedFolder {
    const own = path.join(this.#folder, id);
    return {
      path: own,
      fill: () => {
        mkdirSync(path.join(own, 'seen'), { recursive: true, mode: 0o755 });
      },
    };
  }
}

/** To that port, and no more to another one; without one, nowhere else. Elements bear the container's id; the table goes with the last one. */
async function lead(what: string, id: string, addresses: readonly string[], port: number | undefined): Promise<void> {
  const led = addresses.map(nftAddress);
  using _lock = await lockNamespace();
  const { elements, chains } = await listNft(what, [table]);
  const own = elements.filter(({ key, comment }) => comment === id || led.includes(key));
  const lines =
    port === undefined && own.length === elements.length
      ? chains.slice(0, 1).map(() => `delete table ${tableName}`)
      : [
          ...own.map(({ set, key }) => `delete element ${tableName} ${set} { ${key} }`),
          ...(port === undefined ? [] : baseLines),
          ...led.map(
            (address) =>
              `add element ${tableName} resolvers${isVersion6(address) ? 6 : 4} { ${address} comment "${nftId(id)}" : ${nftPort(port ?? 0)} }`,
          ),
        ];
  if (lines.length > 0) await applyNft(what, lines);
}
