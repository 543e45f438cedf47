import path from 'node:path';
import type { AttachNetworksRequest, JoinNetwork, PublishedPort } from '@slipway/plugin-api';
import type { Conflist, PluginConfig } from '../cni/conflist.js';
import { invalid, refusal } from '../errors.js';
import { contains, isSameAddress, parseAddress, parseCidr } from '../networks/addresses.js';
import type { KnownNetwork } from '../networks/network-book.js';
import { isHost } from '../networks/subnets.js';
import type { AttachmentEntry } from './attachment-record.js';
import type { NamespacePlace } from './namespace.js';

export interface JoinPlan {
  readonly known: KnownNetwork;
  readonly join: JoinNetwork;
  readonly interface: string;
  readonly namespace: NamespacePlace;
  /** It is to lead out, where the network does. */
  readonly isDefaultRoute: boolean;
  /** They are published in this one. */
  readonly ports: readonly PublishedPort[];
  /** Of the firewall. */
  readonly furtherPlugins: readonly PluginConfig[];
  /** Where host-local keeps what it gives out. */
  readonly addressFolder: string;
}

const macPattern = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

/** Checks what is asked of a network. Errors: `invalid-argument`, `failed-precondition` (the gateway's address). */
export function checkJoin(what: string, { join, known }: Pick<JoinPlan, 'join' | 'known'>): void {
  const { mac, addresses = [], aliases = [] } = join;
  // The least bit of the first byte is that of groups (IEEE 802).
  if (mac !== undefined && (!macPattern.test(mac) || Number.parseInt(mac.slice(0, 2), 16) % 2 === 1 || /^[0:]*$/.test(mac))) {
    throw invalid(what, `${JSON.stringify(mac)} is no address of one interface, expected one as 02:42:ac:11:00:02`);
  }
  const families = addresses.map((address) => {
    const parsed = parseAddress(address);
    if (parsed === undefined) throw invalid(what, `${JSON.stringify(address)} is no address`);
    if (known.kind === 'own') checkAddress(what, address, known);
    return parsed.family;
  });
  if (new Set(families).size < families.length)
    throw invalid(what, `the addresses ${addresses.join(', ')} are more than one of a family`);
  for (const alias of aliases) {
    if (typeof alias !== 'string' || !/^[a-zA-Z0-9_]([a-zA-Z0-9_.-]{0,252})$/.test(alias))
      throw invalid(what, `the alias ${JSON.stringify(alias)} is no name`);
  }
}

function checkAddress(what: string, address: string, known: KnownNetwork & { readonly kind: 'own' }): void {
  const subnet = known.own.subnets.find((each) => {
    const [network, parsed] = [parseCidr(each.subnet), parseAddress(address)];
    return network !== undefined && parsed !== undefined && contains(network, parsed.family, parsed.value);
  });
  const network = subnet === undefined ? undefined : parseCidr(subnet.subnet);
  if (subnet === undefined || network === undefined || !isHost(network, address)) {
    const subnets = known.own.subnets.map((each) => each.subnet).join(', ');
    throw invalid(what, `${address} is no address of a host in ${subnets}, of the network "${known.name}"`);
  }
  if (isSameAddress(subnet.gateway, address)) {
    throw refusal(
      'failed-precondition',
      'NETWORK_ADDRESS_TAKEN',
      `${what}: ${address} is the gateway of the network "${known.name}"`,
    );
  }
}

/** What is noted before anything is made. */
export function plannedEntry(plan: JoinPlan): AttachmentEntry {
  const { known, join, namespace, ports } = plan;
  const conflist = known.kind === 'own' ? ownConflist(plan) : known.conflist;
  const declared = (name: string): boolean => conflist.plugins.some(({ capabilities }) => capabilities?.[name] === true);
  const { addresses = [], aliases = [], mac } = join;
  const capabilityArgs = {
    ...(addresses.length > 0 ? { ips: addresses } : {}),
    ...(mac === undefined ? {} : { mac }),
    ...(ports.length > 0 ? { portMappings: ports.map(portMapping) } : {}),
    ...(aliases.length > 0 ? { aliases: { [known.name]: aliases } } : {}),
  };
  // The older way, for plugins that do not declare the newer one.
  const args = [
    ...(addresses.length > 0 && !declared('ips') ? [`IP=${addresses.join(',')}`] : []),
    ...(mac !== undefined && !declared('mac') ? [`MAC=${mac}`] : []),
  ];
  return {
    network: known.name,
    interface: plan.interface,
    ...(known.kind === 'own' ? { own: { version: 1 as const, ...known.own, subnets: [...known.own.subnets] } } : {}),
    conflist,
    capabilityArgs,
    args: args.length === 0 ? '' : ['IgnoreUnknown=1', ...args].join(';'),
    namespace,
    aliases: [...aliases],
    results: [],
    isAttached: false,
  };
}

/** The chain of a network of ours as it is called: with where its addresses are kept, and what the firewall adds. */
export function calledConflist(conflist: Conflist, furtherPlugins: readonly PluginConfig[], addressFolder: string): Conflist {
  const plugins = conflist.plugins.map((plugin) => withIpam(plugin, { dataDir: addressFolder }));
  return { ...conflist, plugins: [...plugins, ...furtherPlugins] };
}

function withIpam(plugin: PluginConfig, settings: Readonly<Record<string, unknown>>): PluginConfig {
  const ipam = plugin['ipam'];
  return typeof ipam === 'object' && ipam !== null ? { ...plugin, ipam: { ...ipam, ...settings } } : plugin;
}

/** Without routes where another network has the default route. */
function ownConflist({ known, isDefaultRoute, furtherPlugins, addressFolder }: JoinPlan): Conflist {
  const conflist = calledConflist(known.conflist, furtherPlugins, addressFolder);
  return isDefaultRoute ? conflist : { ...conflist, plugins: conflist.plugins.map((plugin) => withIpam(plugin, { routes: [] })) };
}

function portMapping({ protocol, hostAddress, hostPort, containerPort }: PublishedPort): Record<string, unknown> {
  return { hostPort, containerPort, protocol, hostIP: hostAddress };
}

/** Names are those of the chain's own plugins. Errors: `failed-precondition`. */
export function checkPorts(what: string, ports: AttachNetworksRequest['ports'], plan: JoinPlan): void {
  if (ports === undefined || ports.length === 0 || plan.known.kind === 'own') return;
  if (plan.known.conflist.plugins.some(({ capabilities }) => capabilities?.['portMappings'] === true)) return;
  throw refusal(
    'failed-precondition',
    'NETWORK_NO_PORTS',
    `${what}: the network "${plan.known.name}" cannot publish ports: none of its plugins has the capability portMappings`,
    `put the plugin portmap into ${path.basename(plan.known.kind === 'foreign' ? plan.known.foreign.file : '')}, or join another network first`,
  );
}
