import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import { linux } from '@slipway/linux';
import {
  type AttachNetworksRequest,
  canceled,
  type EgressPolicy,
  type ErrorKind,
  type JoinNetwork,
  type Network,
  type NetworkAttachment,
  type NetworkInfo,
  type PublishedPort,
  SlipwayError,
} from '@slipway/plugin-api';
import { rulesOf } from './plain-rules.ts';

/** Ways to be broken; each breaks a law. */
export type NetworkFault =
  | 'leaks an address when attach fails'
  | 'gives one address twice'
  | 'needs the namespace to detach'
  | 'forgets attachments in other processes'
  | 'cleans up the living'
  | 'cleans up nothing'
  | 'publishes nothing'
  | 'publishes for ever'
  | 'publishes everywhere'
  | 'lets everything out'
  | 'lets UDP out'
  | 'lets IPv6 out'
  | 'lets other addresses out'
  | 'lets everything in by no reply'
  | 'makes its rules anew'
  | 'has no NAT'
  | 'leads from one network to another'
  | 'leads out of internal networks'
  | 'ignores fixed addresses'
  | 'tells another MAC address'
  | 'ignores the MTU'
  | 'overlaps'
  | 'removes networks in use'
  | 'attaches twice'
  | 'attaches by half'
  | 'takes the host for a container'
  | 'heeds no signal';

export interface PlainState {
  readonly networks: Record<string, NetworkInfo>;
  readonly attached: Record<string, PlainContainer>;
  /** That may be there from before: interfaces of containers with a policy. */
  chains?: readonly string[];
}

export interface PlainContainer {
  readonly entries: readonly PlainEntry[];
  readonly ports: readonly PublishedPort[];
  readonly egress: EgressPolicy | null;
}

export interface PlainEntry {
  readonly namespace: string;
  readonly inode: string;
  readonly attachment: NetworkAttachment;
}

const refusal = (kind: ErrorKind, message: string): SlipwayError => new SlipwayError({ kind, code: 'PLAIN_NETWORK', message });

const ip = (...args: readonly string[]): string =>
  execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/**
 * A {@link Network} of bridges by `ip`, with all rules made anew of its one file at each change: simple, and one at a time of all processes. It answers no names. What it is going to make is
 * in the file before.
 */
export class PlainNetwork implements Network, AsyncDisposable {
  readonly #file: string;
  readonly #fault: NetworkFault | undefined;
  #own = new Set<string>();
  #isClosed = false;

  constructor(root: string, fault?: NetworkFault) {
    mkdirSync(root, { recursive: true });
    this.#file = path.join(root, 'networks.json');
    this.#fault = fault;
    if (!existsSync(this.#file)) writeFileSync(this.#file, JSON.stringify({ networks: {}, attached: {} }));
  }

  async features() {
    return { version: 'plain 1', firewall: 'nftables', ipv6: true, names: false, egress: true } as const;
  }

  async create(name: string, options: Parameters<Network['create']>[1] = {}): Promise<NetworkInfo> {
    this.#checkName(name);
    return this.#change((state) => {
      if (state.networks[name] !== undefined) throw refusal('already-exists', `network "${name}"`);
      if (options.driver !== undefined && options.driver !== 'plain') throw refusal('invalid-argument', 'driver');
      if (Object.keys(options.options ?? {}).length > 0) throw refusal('invalid-argument', 'options');
      const { mtu = 1500 } = options;
      if (!Number.isInteger(mtu) || mtu < 68) throw refusal('invalid-argument', 'mtu');
      const index =
        [...Array(250).keys()].find((each) => !Object.values(state.networks).some(({ bridge }) => bridge === `plain${each}`)) ??
        0;
      const isFree = (subnet: string): boolean =>
        this.#fault === 'overlaps' || !taken(state).some((each) => overlaps(each, subnet));
      const asked = (options.subnets ?? []).map((subnet) => checkedSubnet(subnet, isFree));
      if (asked.length > 2 || new Set(asked.map(({ subnet }) => isIP(subnet.replace(/\/.*/, '')))).size < asked.length) {
        throw refusal('invalid-argument', 'subnets');
      }
      const free = [...Array(200).keys()].map((each) => `10.60.${each}`).find((each) => isFree(`${each}.0/24`));
      const subnets = asked.length > 0 ? asked : [{ subnet: `${free}.0/24`, gateway: `${free}.1` }];
      if (options.ipv6 === true && !subnets.some(({ subnet }) => subnet.includes(':'))) {
        subnets.push({ subnet: `fd00:60:${index + 1}::/64`, gateway: `fd00:60:${index + 1}::1` });
      }
      const info: NetworkInfo = {
        name,
        driver: 'plain',
        subnets,
        internal: options.internal ?? false,
        labels: options.labels ?? {},
        options: {},
        createdAt: new Date().toISOString(),
        mtu,
        bridge: `plain${index}`,
        attached: [],
      };
      state.networks[name] = info;
      return info;
    });
  }

  async inspect(name: string): Promise<NetworkInfo> {
    this.#checkName(name);
    return this.#look((state) => told(state, name));
  }

  async list(): Promise<readonly NetworkInfo[]> {
    return this.#look((state) =>
      Object.keys(state.networks)
        .sort((a, b) => (a < b ? -1 : 1))
        .map((name) => told(state, name)),
    );
  }

  async remove(name: string, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.#checkName(name);
    if (signal?.aborted) throw canceled('remove', signal);
    this.#change((state) => {
      const { bridge, attached } = told(state, name);
      if (attached.length > 0 && this.#fault !== 'removes networks in use') throw refusal('failed-precondition', 'in use');
      deleteLink(bridge ?? '');
      delete state.networks[name];
    });
  }

  async attach(request: AttachNetworksRequest): Promise<readonly NetworkAttachment[]> {
    const { id, networks, signal } = request;
    const namespace = request.namespace.replace('/self/', `/${process.pid}/`);
    this.#checkId(id);
    for (const { network } of networks) this.#checkName(network);
    if (signal?.aborted && this.#fault !== 'heeds no signal') throw canceled('attach', signal);
    const target = namespaceOf(request.namespace, this.#fault === 'takes the host for a container');
    this.#own.add(id);
    const made: PlainEntry[] = [];
    try {
      return this.#change((state, save) => {
        for (const join of networks) {
          const before = state.attached[id]?.entries ?? [];
          const isThere = before.some(({ attachment }) => attachment.network === join.network);
          if (isThere && this.#fault !== 'attaches twice') throw refusal('already-exists', 'attached');
          const entry = this.#entry(state, join, before.length, target);
          state.attached[id] = {
            entries: [...before, entry],
            ports: request.ports ?? state.attached[id]?.ports ?? [],
            egress: request.egress ?? state.attached[id]?.egress ?? null,
          };
          made.push(entry);
          save();
          connect(
            told(state, join.network),
            entry,
            namespace,
            before.some(({ attachment }) => attachment.gateways.length > 0),
          );
        }
        // Rules are bound to interfaces that are there: nothing passes before.
        save();
        for (const { attachment } of made) raise(attachment.hostInterface ?? '');
        return made.map(({ attachment }) => attachment);
      });
    } catch (error) {
      if (this.#fault === 'attaches by half') throw error;
      const keepsFirst = this.#fault === 'leaks an address when attach fails';
      for (const { attachment } of keepsFirst ? made.slice(1) : made.toReversed()) this.#leave(id, attachment.network);
      if (keepsFirst) for (const { attachment } of made) deleteLink(attachment.hostInterface ?? '');
      throw error;
    }
  }

  async detach(id: string, { network, namespace, signal }: Parameters<Network['detach']>[1] = {}): Promise<void> {
    this.#checkId(id);
    if (signal?.aborted) throw canceled('detach', signal);
    const entries = this.#look((state) => state.attached[id]?.entries ?? []);
    if (this.#fault === 'needs the namespace to detach' && namespace !== undefined && entries.length > 0) {
      execFileSync('nsenter', [`--net=${namespace}`, 'ip', 'link', 'show', 'eth0'], { stdio: 'pipe' });
    }
    for (const { attachment } of entries.toReversed()) {
      if (network === undefined || attachment.network === network) this.#leave(id, attachment.network);
    }
  }

  async rename(id: string): Promise<void> {
    this.#checkId(id);
  }

  async attachments(id: string): Promise<readonly NetworkAttachment[]> {
    this.#checkId(id);
    if (this.#fault === 'forgets attachments in other processes' && !this.#own.has(id)) return [];
    return this.#look((state) => (state.attached[id]?.entries ?? []).map(({ attachment }) => attachment));
  }

  async cleanup(living: ReadonlySet<string>): Promise<void> {
    const ids = this.#look((state) => Object.keys(state.attached));
    if (this.#fault === 'cleans up nothing') return;
    for (const id of ids) if (!living.has(id) || this.#fault === 'cleans up the living') await this.detach(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
  }

  #entry(state: PlainState, join: JoinNetwork, index: number, inode: string): PlainEntry {
    const info = told(state, join.network);
    const used = info.attached.flatMap(({ addresses }) => addresses);
    const addresses = info.subnets.map((subnet) => {
      const isSix = subnet.subnet.includes(':');
      const fixed = join.addresses?.filter((address) => (isIP(address) === 6) === isSix) ?? [];
      return `${this.#address(subnet, fixed[0], used)}/${subnet.subnet.replace(/.*\//, '')}`;
    });
    checkJoin(join, info);
    const random = Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString('hex');
    const mac = join.mac?.toLowerCase() ?? `02:60:${random.match(/../g)?.join(':')}`;
    return {
      namespace: '',
      inode,
      attachment: {
        network: join.network,
        interface: `eth${index}`,
        mac: this.#fault === 'tells another MAC address' ? '02:00:00:00:00:99' : mac,
        addresses,
        gateways: info.internal ? [] : info.subnets.map(({ gateway }) => gateway ?? ''),
        mtu: this.#fault === 'ignores the MTU' ? 1500 : (info.mtu ?? 1500),
        hostInterface: `vp${random}`,
        nameservers: [],
        search: [],
      },
    };
  }

  #address(
    { subnet, gateway, range }: NetworkInfo['subnets'][number],
    fixed: string | undefined,
    used: readonly string[],
  ): string {
    if (fixed !== undefined && this.#fault !== 'ignores fixed addresses') {
      if (used.includes(fixed) || fixed === gateway) throw refusal('failed-precondition', `${fixed} is taken`);
      return fixed;
    }
    const all = hosts(range ?? subnet, subnet);
    const free = all.find((each) => each !== gateway && (!used.includes(each) || this.#fault === 'gives one address twice'));
    if (free === undefined) throw refusal('resource-exhausted', 'no address is free');
    return free;
  }

  #leave(id: string, network: string): void {
    this.#change((state) => {
      const container = state.attached[id];
      const entry = container?.entries.find(({ attachment }) => attachment.network === network);
      if (container === undefined || entry === undefined) return;
      deleteLink(entry.attachment.hostInterface ?? '');
      const entries = container.entries.filter((each) => each !== entry);
      if (entries.length > 0) state.attached[id] = { ...container, entries };
      else delete state.attached[id];
      if (this.#fault === 'publishes for ever' && entries.length === 0) state.attached[`${id}-ports`] = { ...container };
    });
  }

  #look<T>(work: (state: PlainState) => T): T {
    if (this.#isClosed) throw refusal('unavailable', 'closed');
    return work(JSON.parse(readFileSync(this.#file, 'utf8')) as PlainState);
  }

  /** Alone of all processes. */
  #change<T>(work: (state: PlainState, save: () => void) => T): T {
    if (this.#isClosed) throw refusal('unavailable', 'closed');
    const fd = openSync(path.dirname(this.#file), 'r');
    try {
      while (!linux.tryFlock(fd, 'exclusive')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      const state = JSON.parse(readFileSync(this.#file, 'utf8')) as PlainState;
      const save = (): void => {
        const rules = rulesOf(state, this.#fault);
        const restricted = Object.values(state.attached).filter(({ egress }) => egress !== null);
        const now = restricted.flatMap(({ entries }) => entries.map(({ attachment }) => attachment.hostInterface ?? ''));
        state.chains = [...new Set([...(restricted.length === 0 ? [] : (state.chains ?? [])), ...now])];
        writeFileSync(`${this.#file}.new`, JSON.stringify(state));
        renameSync(`${this.#file}.new`, this.#file);
        const apply = (input: string): unknown => execFileSync('nft', ['-f', '-'], { input, stdio: ['pipe', 'pipe', 'pipe'] });
        // In one transaction the gap would be of some microseconds, which a sender on a busy machine misses more often than not.
        if (this.#fault === 'makes its rules anew') apply('table netdev plain {}\ndelete table netdev plain\n');
        apply(rules);
      };
      const result = work(state, save);
      save();
      return result;
    } finally {
      closeSync(fd);
    }
  }

  #checkName(name: string): void {
    if (this.#isClosed) throw refusal('unavailable', 'closed');
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/.test(name) || ['none', 'host', 'default'].includes(name))
      throw refusal('invalid-argument', 'name');
  }

  #checkId(id: string): void {
    if (this.#isClosed) throw refusal('unavailable', 'closed');
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(id)) throw refusal('invalid-argument', 'id');
  }
}

/** With who is attached. */
function told(state: PlainState, name: string): NetworkInfo {
  const info = state.networks[name];
  if (info === undefined) throw refusal('not-found', `network "${name}"`);
  const attached = Object.entries(state.attached).flatMap(([id, { entries }]) =>
    entries
      .filter(({ attachment }) => attachment.network === name)
      .map(({ attachment }) => ({ id, addresses: attachment.addresses.map((address) => address.replace(/\/.*/, '')) })),
  );
  return { ...info, attached };
}

function namespaceOf(place: string, isHostTaken: boolean): string {
  try {
    const fd = openSync(place, 'r');
    try {
      const inode = readlinkSync(`/proc/self/fd/${fd}`);
      if (inode.startsWith('net:') && (isHostTaken || inode !== readlinkSync('/proc/self/ns/net'))) return inode;
    } finally {
      closeSync(fd);
    }
  } catch {
    // Said below.
  }
  throw refusal('invalid-argument', `"${place}" is no namespace of a container`);
}

function connect(
  { bridge = '', subnets, mtu = 1500, internal }: NetworkInfo,
  { attachment }: PlainEntry,
  namespace: string,
  hasRoute: boolean,
): void {
  const { hostInterface = '', interface: name, mac, addresses, gateways } = attachment;
  if (!existsSync(`/proc/sys/net/ipv4/conf/${bridge}`)) {
    ip('link', 'add', bridge, 'type', 'bridge');
    ip('link', 'set', bridge, 'up', 'mtu', String(mtu));
    for (const { subnet, gateway = '' } of subnets) {
      ip('address', 'add', `${gateway}/${subnet.replace(/.*\//, '')}`, 'dev', bridge, ...(subnet.includes(':') ? ['nodad'] : []));
    }
    writeFileSync(`/proc/sys/net/ipv4/conf/${bridge}/route_localnet`, '1');
    for (const file of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${file}`, '1');
  }
  ip(
    'link',
    'add',
    hostInterface,
    'mtu',
    String(mtu),
    'type',
    'veth',
    'peer',
    'name',
    `${hostInterface}p`,
    'address',
    mac,
    'mtu',
    String(mtu),
  );
  ip('link', 'set', `${hostInterface}p`, 'netns', namespace, 'name', name);
  ip('link', 'set', hostInterface, 'master', bridge);
  ip('link', 'set', hostInterface, 'type', 'bridge_slave', 'hairpin', 'on');
  const inside = (...args: readonly string[]): unknown =>
    execFileSync('nsenter', [`--net=${namespace}`, 'ip', ...args], { stdio: 'pipe' });
  for (const address of addresses) inside('address', 'add', address, 'dev', name, ...(address.includes(':') ? ['nodad'] : []));
  inside('link', 'set', name, 'up');
  if (hasRoute || internal) return;
  for (const gateway of gateways) inside(...(gateway.includes(':') ? ['-6'] : []), 'route', 'add', 'default', 'via', gateway);
}

const raise = (name: string): void => void ip('link', 'set', name, 'up');

function deleteLink(name: string): void {
  const isThere = (): boolean => existsSync(`/proc/sys/net/ipv4/conf/${name}`);
  if (!isThere()) return;
  try {
    ip('link', 'delete', name);
  } catch (error) {
    // The kernel was faster, whose namespace has gone.
    if (isThere()) throw error;
  }
}

function checkJoin({ addresses = [], mac }: JoinNetwork, { subnets }: NetworkInfo): void {
  const isWithin = (address: string): boolean =>
    isIP(address) !== 0 &&
    subnets.some(
      ({ subnet }) =>
        overlaps(subnet, `${address}/${address.includes(':') ? 128 : 32}`) && hosts(subnet, subnet).includes(address),
    );
  const isSix = addresses.filter((address) => isIP(address) === 6).length;
  if (isSix > 1 || addresses.length - isSix > 1 || !addresses.every(isWithin)) throw refusal('invalid-argument', 'addresses');
  if (mac !== undefined && (!/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(mac) || /^[0:]+$/.test(mac)))
    throw refusal('invalid-argument', 'mac');
}

/** Addresses and routes of the host, and subnets of networks. */
function taken(state: PlainState): string[] {
  const routes = [...ip('route').split('\n'), ...ip('-6', 'route').split('\n')].map((line) => line.split(' ')[0] ?? '');
  const networks = Object.values(state.networks).flatMap(({ subnets }) => subnets.map(({ subnet }) => subnet));
  return [...networks, ...routes.filter((route) => /^[0-9a-f.:]+\/\d+$/.test(route) && !route.startsWith('fe80'))];
}

function checkedSubnet({ subnet, gateway, range }: NetworkInfo['subnets'][number], isFree: (subnet: string) => boolean) {
  const [address = '', length = ''] = String(subnet).split('/');
  const isSix = isIP(address) === 6;
  const most = isSix ? 126 : 30;
  if (isIP(address) === 0 || length === '' || Number(length) > most || bits(address).slice(Number(length)).includes('1')) {
    throw refusal('invalid-argument', 'subnet');
  }
  const all = hosts(subnet, subnet);
  if (gateway !== undefined && !all.includes(gateway)) throw refusal('invalid-argument', 'gateway');
  if (range !== undefined && (!overlaps(subnet, range) || Number(range.split('/')[1]) < Number(length)))
    throw refusal('invalid-argument', 'range');
  if (!isFree(subnet)) throw refusal('failed-precondition', `${subnet} overlaps`);
  return { subnet, gateway: gateway ?? all[0] ?? '', ...(range === undefined ? {} : { range }) };
}

/** Binary digits of an address. */
function bits(address: string): string {
  if (isIP(address) === 4)
    return address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  const [left = '', right = ''] = address.split('::');
  const groups = (part: string): string[] => part.split(':').filter((each) => each !== '');
  const zeros = Array<string>(8 - groups(left).length - groups(right).length).fill('0');
  return [...groups(left), ...(address.includes('::') ? zeros : []), ...groups(right)]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
    .join('');
}

function overlaps(one: string, other: string): boolean {
  const [[a = '', m = ''], [b = '', n = '']] = [one.split('/'), other.split('/')];
  if (isIP(a) !== isIP(b)) return false;
  const length = Math.min(Number(m), Number(n));
  return bits(a).slice(0, length) === bits(b).slice(0, length);
}

/** Up to 254 addresses for hosts of a part of a subnet. */
function hosts(part: string, subnet: string): string[] {
  const [address = '', length = ''] = part.split('/');
  if (isIP(address) === 6)
    return [...Array(254).keys()].map((index) => `${address.replace(/::$/, '')}::${(index + 1).toString(16)}`);
  const base = Number.parseInt(bits(address), 2);
  const size = 2 ** (32 - Number(length));
  const [whole = '', wholeLength = ''] = subnet.split('/');
  const first = Number.parseInt(bits(whole), 2);
  const last = first + 2 ** (32 - Number(wholeLength)) - 1;
  return [...Array(Math.min(size, 1024)).keys()]
    .map((index) => base + index)
    .filter((value) => value !== first && value !== last)
    .map((value) => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.'));
}
