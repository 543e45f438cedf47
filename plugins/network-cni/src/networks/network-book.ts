import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { CreateNetworkOptions, Logger } from '@slipway/plugin-api';
import { hasCode, step } from '@slipway/plugin-api';
import type { Conflist } from '../cni/conflist.js';
import type { CniConfig } from '../config.js';
import { invalid, networkExists, networkNotFound } from '../errors.js';
import { lockPath } from '../locks.js';
import { formatCidr, parseCidr } from './addresses.js';
import { type ForeignNetwork, foreignNetworks, foreignSubnets } from './foreign-networks.js';
import { defaultMtu, hostRoutes, interfaces } from './host-routes.js';
import { interfacePattern, readNetworkFile, writeNetworkFile } from './network-file.js';
import { checkedNetworkOptions } from './network-options.js';
import type { OwnNetwork, OwnSubnet } from './own-network.js';
import { checkedSubnet, freeSubnet, freeSubnet6, type TakenSubnet } from './subnets.js';

/** The network that is there without having been created. */
export const defaultNetwork = 'bridge';

/** The kernel's own settings have these names beside interfaces': no bridge can be called so. */
const namesOfSettings = new Set(['all', 'default']);

/** What can be joined. */
export type KnownNetwork =
  | { readonly kind: 'own'; readonly name: string; readonly own: OwnNetwork; readonly conflist: Conflist }
  | { readonly kind: 'foreign'; readonly name: string; readonly foreign: ForeignNetwork; readonly conflist: Conflist };

/** Networks of ours, `<root>/networks/<name>.conflist`, and those of the host's own configuration. Ours come first. */
export class NetworkBook {
  readonly #folder: string;
  readonly #config: CniConfig;
  readonly #log: Logger;

  constructor(root: string, config: CniConfig, log: Logger) {
    this.#folder = path.join(root, 'networks');
    this.#config = config;
    this.#log = log;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Where the network of that name has its configuration, when it is ours. */
  file(name: string): string {
    return path.join(this.#folder, `${name}.conflist`);
  }

  /** Undefined when there is none. */
  find(name: string): KnownNetwork | undefined {
    const own = readNetworkFile(name, this.file(name));
    if (own !== undefined) return { kind: 'own', name, ...own };
    const foreign = this.#foreign().find((each) => each.name === name);
    return foreign === undefined ? undefined : { kind: 'foreign', name, foreign, conflist: foreign.conflist };
  }

  /** The default network is made when it is asked for first. Errors: `not-found`. */
  async get(what: string, name: string, signal?: AbortSignal): Promise<KnownNetwork> {
    const found = this.find(name);
    if (found !== undefined) return found;
    if (name !== defaultNetwork) throw networkNotFound(what, name);
    await this.#make(name, {}, this.#config.default_subnet, signal).catch((error: unknown) => {
      // Another process was first.
      if (this.find(name) === undefined) throw error;
    });
    return await this.get(what, name, signal);
  }

  all(): readonly KnownNetwork[] {
    const own = this.own().map(({ name }) => this.find(name));
    const foreign = this.#foreign().flatMap(({ name }) => (existsSync(this.file(name)) ? [] : this.find(name)));
    const known = new Map([...own, ...foreign].flatMap((each) => (each === undefined ? [] : [[each.name, each] as const])));
    return [...known.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  own(): readonly OwnNetwork[] {
    return readdirSync(this.#folder).flatMap((file) => {
      if (file.startsWith('.') || !file.endsWith('.conflist')) return [];
      const name = file.slice(0, -'.conflist'.length);
      try {
        return readNetworkFile(name, this.file(name))?.own ?? [];
      } catch (error) {
        if (!hasCode(error, 'NETWORK_DAMAGED')) throw error;
        // The others are no worse for it. Whoever asks for this one is told.
        this.#log.warn(error instanceof Error ? error.message : String(error));
        return [];
      }
    });
  }

  async create(name: string, options: CreateNetworkOptions): Promise<OwnNetwork> {
    return await this.#make(name, options, name === defaultNetwork ? this.#config.default_subnet : undefined, undefined);
  }

  async #make(
    name: string,
    options: CreateNetworkOptions,
    wanted: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<OwnNetwork> {
    const checked = checkedNetworkOptions(name, options);
    // One at a time of all processes: each sees the subnets and bridges of those before.
    using _lock = await lockPath(this.#folder, 'exclusive', { signal });
    const there = this.find(name);
    if (there !== undefined) throw networkExists(name, there.kind === 'own' ? there.own.file : there.foreign.file);
    const own: OwnNetwork = {
      name,
      bridge: this.#bridge(name, checked.options['bridge']),
      subnets: this.#subnets(name, options, wanted),
      internal: options.internal ?? false,
      mtu: options.mtu ?? defaultMtu(),
      labels: checked.labels,
      options: checked.options,
      createdAt: new Date().toISOString(),
      file: this.file(name),
    };
    if (!writeNetworkFile(own)) throw networkExists(name, own.file);
    step('network.create.written', { name });
    return own;
  }

  #subnets(name: string, { subnets = [], ipv6 = false }: CreateNetworkOptions, wanted: string | undefined): readonly OwnSubnet[] {
    const taken = this.#taken();
    const chosen = subnets.map((subnet) => checkedSubnet(name, subnet, taken));
    const of = (family: 4 | 6): boolean => chosen.some(({ subnet }) => parseCidr(subnet)?.family === family);
    if (chosen.length > 2 || (chosen.length === 2 && !(of(4) && of(6)))) {
      throw invalid(
        `create network "${name}"`,
        `it has the subnets ${chosen.map(({ subnet }) => subnet).join(', ')}, expected at most one of IPv4 and one of IPv6`,
      );
    }
    if (chosen.length === 0) chosen.push(freeSubnet(name, wanted, this.#config.subnet_pools, taken));
    if (ipv6 && !of(6)) chosen.push(freeSubnet6(taken));
    return chosen;
  }

  #taken(): readonly TakenSubnet[] {
    const own = this.own().flatMap(({ name, subnets }) => subnets.map((subnet) => ({ ...subnet, name })));
    const foreign = this.#foreign().flatMap((each) => foreignSubnets(each).map((subnet) => ({ ...subnet, name: each.name })));
    const networks = [...own, ...foreign].flatMap(({ subnet, name }) => {
      const network = parseCidr(subnet);
      return network === undefined ? [] : [{ network, by: `${subnet} of the network "${name}"` }];
    });
    const routes = hostRoutes().map(({ network, device }) => ({
      network,
      by: `the host's route to ${formatCidr(network)} by ${device}`,
    }));
    return [...networks, ...routes];
  }

  #bridge(name: string, wanted: string | undefined): string {
    const taken = new Set([...this.own().map(({ bridge }) => bridge), ...interfaces()]);
    if (wanted !== undefined) {
      if (!interfacePattern.test(wanted) || namesOfSettings.has(wanted))
        throw invalid(`create network "${name}"`, `the option bridge=${JSON.stringify(wanted)} is no name of an interface`);
      if (taken.has(wanted))
        throw invalid(`create network "${name}"`, `the option bridge=${wanted}: there is such an interface, or network`);
      return wanted;
    }
    for (let index = name === defaultNetwork ? 0 : 1; ; index++) if (!taken.has(`slipway${index}`)) return `slipway${index}`;
  }

  #foreign(): readonly ForeignNetwork[] {
    return foreignNetworks(this.#config.config_folder, this.#log);
  }
}
