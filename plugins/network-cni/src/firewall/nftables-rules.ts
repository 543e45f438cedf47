import type { OwnNetwork } from '../networks/own-network.js';
import { isVersion6, type NftTable, nftAddress, nftInterface, nftSubnet } from './nft.js';

export const table: NftTable = { family: 'inet', name: 'slipway' };
export const tableName = `${table.family} ${table.name}`;

const add = (kind: string, text: string): string => `add ${kind} ${tableName} ${text}`;

/** A chain with these rules and no others, whatever it had. */
const chain = (name: string, hook: string | undefined, rules: readonly string[]): string[] => [
  add('chain', `${name}${hook === undefined ? '' : ` { ${hook}; policy accept; }`}`),
  `flush chain ${tableName} ${name}`,
  ...rules.map((rule) => add('rule', `${name} ${rule}`)),
];

/**
 * What the table has whatever networks and containers there are. It is part of each transaction, so that a table that was flushed or is of an older version is made whole.
 *
 * Ports are elements of maps: the time that a packet takes does not grow with the number of containers. A port of one address wins over one of all addresses. The hook `output`
 * is for connections from the host itself.
 */
export const baseLines: readonly string[] = [
  `add table ${tableName}`,
  add('set', 'bridges { type ifname; }'),
  add('map', 'ports4 { type inet_proto . inet_service : ipv4_addr . inet_service; }'),
  add('map', 'ports6 { type inet_proto . inet_service : ipv6_addr . inet_service; }'),
  add('map', 'host_ports4 { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }'),
  add('map', 'host_ports6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service; }'),
  add('map', 'leaving4 { type ipv4_addr : verdict; flags interval; }'),
  add('map', 'leaving6 { type ipv6_addr : verdict; flags interval; }'),
  add('map', 'gateways4 { type ipv4_addr : verdict; }'),
  add('map', 'gateways6 { type ipv6_addr : verdict; }'),
  add('map', 'forwarded_from { type ifname : verdict; }'),
  add('map', 'forwarded_to { type ifname : verdict; }'),
  ...chain('published', undefined, [
    'meta nfproto ipv4 dnat ip to meta l4proto . ip daddr . th dport map @host_ports4',
    'meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports4',
    'meta nfproto ipv6 dnat ip6 to meta l4proto . ip6 daddr . th dport map @host_ports6',
    'meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @ports6',
  ]),
  // With route_localnet a bridge takes packets for 127.0.0.1, and services of the host trust that address (CVE-2020-8558). Replies to translated connections bear another one here.
  ...chain('guard', 'type filter hook prerouting priority raw', [
    'iifname @bridges ip daddr 127.0.0.0/8 drop',
    'iifname @bridges ip saddr 127.0.0.0/8 drop',
    'iifname @bridges ip6 daddr ::1 drop',
    'iifname @bridges ip6 saddr ::1 drop',
  ]),
  ...chain('prerouting', 'type nat hook prerouting priority dstnat', ['fib daddr type local jump published']),
  // IPv6 has no route_localnet: what leaves with the address ::1 never comes back. Without translation whoever tries is refused at once, and takes 127.0.0.1.
  ...chain('output', 'type nat hook output priority -100', ['ip6 daddr ::1 return', 'fib daddr type local jump published']),
  ...chain('input', 'type filter hook input priority filter', ['ip daddr vmap @gateways4', 'ip6 daddr vmap @gateways6']),
  ...chain('forward', 'type filter hook forward priority filter', ['iifname vmap @forwarded_from', 'oifname vmap @forwarded_to']),
  ...chain('postrouting', 'type nat hook postrouting priority srcnat', [
    // From the host's loopback to a published port.
    'oifname @bridges ip saddr 127.0.0.0/8 masquerade',
    'ip saddr vmap @leaving4',
    'ip6 saddr vmap @leaving6',
  ]),
];

export const networkTargets = (bridge: string): string[] => [
  `leaving-${bridge}`,
  `from-${bridge}`,
  `to-${bridge}`,
  `gateway-${bridge}`,
];

/** All that is to be there for a network. Its chains come before the maps that lead to them: nft makes a map of ranges together with its elements. */
export function networkLines(network: OwnNetwork): string[] {
  const chains = networkTargets(network.bridge).map((name) => add('chain', name));
  return [`add table ${tableName}`, ...chains, ...baseLines, ...ownLines(network)];
}

function ownLines({ bridge, subnets, internal }: OwnNetwork): string[] {
  const device = nftInterface(bridge);
  const [leaving = '', from = '', to = '', gateway = ''] = networkTargets(bridge);
  return [
    ...chain(leaving, undefined, [
      // Through a published port to a container of the same network: it would answer past us.
      `oifname ${device} ct status dnat masquerade`,
      ...(internal ? [] : [`oifname != ${device} masquerade`]),
    ]),
    ...chain(from, undefined, internal ? [`oifname != ${device} drop`] : []),
    ...chain(to, undefined, [
      // Whoever is not of the network, be it a container of another one or a neighbour of the host with a route to the subnet, gets to published ports only.
      `iifname != ${device} ${internal ? '' : 'ct state { new, invalid, untracked } ct status & dnat == 0 '}drop`,
    ]),
    // Resolvers answer there, and a network with a way out asks further: they are for its own containers and the host alone. What is published has another address by now.
    ...chain(gateway, undefined, [`iifname != { "lo", ${device} } ct state { new, invalid, untracked } drop`]),
    add('element', `bridges { ${device} }`),
    add('element', `forwarded_from { ${device} : jump ${from} }`),
    add('element', `forwarded_to { ${device} : jump ${to} }`),
    ...subnets.flatMap(({ subnet, gateway: address }) => [
      add('element', `leaving${isVersion6(subnet) ? 6 : 4} { ${nftSubnet(subnet)} : jump ${leaving} }`),
      add('element', `gateways${isVersion6(subnet) ? 6 : 4} { ${nftAddress(address)} : jump ${gateway} }`),
    ]),
  ];
}
