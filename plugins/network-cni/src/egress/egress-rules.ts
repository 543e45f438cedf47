import { isVersion6, type NftTable, nftAddress, nftInterface, nftMac, nftPort, withoutPrefix } from '../firewall/nft.js';
import type { CheckedPolicy, PortMatch, Zone } from './policy.js';

/** One table in each family, changed by one transaction. */
export const tables = {
  /** What an interface may send at all: its own hardware address and addresses, and nothing but IP. */
  netdev: { family: 'netdev', name: 'slipway_egress' },
  /** Nothing of a restricted container goes from port to port of a bridge: it is the host's to forward, and is judged there. */
  bridge: { family: 'bridge', name: 'slipway_egress' },
  /** Whom it may connect to. */
  inet: { family: 'inet', name: 'slipway_egress' },
} as const satisfies Record<string, NftTable>;

export const allTables: readonly NftTable[] = [tables.netdev, tables.bridge, tables.inet];

export const nameOf = ({ family, name }: NftTable): string => `${family} ${name}`;
const [netdev, bridge, inet] = [nameOf(tables.netdev), nameOf(tables.bridge), nameOf(tables.inet)];

const add = (table: string, kind: string, text: string): string => `add ${kind} ${table} ${text}`;

const filled = (table: string, name: string, hook: string, rules: readonly string[]): string[] => [
  add(table, 'chain', `${name} { ${hook}; policy accept; }`),
  `flush chain ${table} ${name}`,
  ...rules.map((rule) => add(table, 'rule', `${name} ${rule}`)),
];

/** Neighbour solicitations and advertisements, which a bridge must carry itself: with nothing before them, where others would not look for their type. */
const neighbour = 'ip6 nexthdr icmpv6 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255';

/** What is there for all containers; part of each transaction. Maps come after the chains that they lead to. */
export const baseLines: readonly string[] = [
  `add table ${netdev}`,
  `add table ${bridge}`,
  add(bridge, 'set', 'restricted { type ifname; }'),
  add(bridge, 'map', 'from_ports { type ifname : verdict; }'),
  add(bridge, 'map', 'to_macs { type ether_addr : verdict; }'),
  // Before br_netfilter, where that is on: it takes the packet as it is then.
  ...filled(bridge, 'prerouting', 'type filter hook prerouting priority -300', [
    'iifname vmap @from_ports',
    'ether daddr vmap @to_macs',
  ]),
  add(bridge, 'chain', 'between'),
  `flush chain ${bridge} between`,
  add(bridge, 'rule', 'between ether type arp accept'),
  add(bridge, 'rule', `between ${neighbour} accept`),
  add(bridge, 'rule', 'between drop'),
  ...filled(bridge, 'forward', 'type filter hook forward priority -200', [
    'iifname @restricted jump between',
    'oifname @restricted jump between',
  ]),
  `add table ${inet}`,
  add(inet, 'map', 'sources4 { type ipv4_addr : verdict; }'),
  add(inet, 'map', 'sources6 { type ipv6_addr : verdict; }'),
  add(inet, 'map', 'resolvers4 { type ipv4_addr : inet_service; }'),
  add(inet, 'map', 'resolvers6 { type ipv6_addr : inet_service; }'),
  add(inet, 'set', 'resolver_ports { type inet_service; }'),
  // After connection tracking and the putting together of fragments, and before any translation: what counts is whom the container has addressed.
  ...filled(inet, 'prerouting', 'type filter hook prerouting priority -150', [
    // A resolver of a restricted container is nobody else's: it fills that container's sets.
    'meta l4proto { tcp, udp } th dport @resolver_ports fib daddr type local iifname != "lo" drop',
    'ip saddr vmap @sources4',
    'ip6 saddr vmap @sources6',
  ]),
  ...filled(inet, 'resolvers', 'type nat hook prerouting priority -110', [
    'fib daddr type local meta l4proto { tcp, udp } th dport 53 redirect to :ip saddr map @resolvers4',
    'fib daddr type local meta l4proto { tcp, udp } th dport 53 redirect to :ip6 saddr map @resolvers6',
  ]),
];

export interface Restricted {
  readonly id: string;
  readonly policy: CheckedPolicy;
  readonly attachments: readonly RestrictedInterface[];
  /** Addresses of the host at which the container asks for names; its own resolver answers there when it has a port. */
  readonly nameservers: readonly string[];
  readonly resolverPort: number | undefined;
  /** Seconds that an address is allowed for, since a resolver said it. */
  readonly nameSeconds: number;
  /** Seconds that it is allowed for after that, since it was last connected to while it was allowed: an answer may be as old as that in a cache. */
  readonly graceSeconds: number;
}

export interface RestrictedInterface {
  readonly hostInterface: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  /** Undefined: it is on none. */
  readonly bridgeMac: string | undefined;
}

export const chainName = (id: string): string => `c-${id}`;
export const ingressName = (index: number, id: string): string => `in-${index}-${id}`;
export const pullName = (index: number, id: string): string => `pull-${index}-${id}`;
export const setName = (kind: 'n' | 'g', family: 4 | 6, index: number, id: string): string => `${kind}${family}-${index}-${id}`;

/** The container whose a chain or set is. */
export const ownerOf = (name: string): string | undefined => /^(?:c|in-\d+|pull-\d+|[ng][46]-\d+)-(.+)$/.exec(name)?.[1];

export function restrictedLines(restricted: Restricted): string[] {
  const { id, attachments, nameservers, resolverPort } = restricted;
  const chain = chainName(id);
  const addresses = attachments.flatMap((each) => each.addresses.map(withoutPrefix));
  const redirected = resolverPort === undefined || nameservers.length === 0 ? [] : addresses;
  return [
    add(inet, 'chain', chain),
    ...policyLines(restricted).map((rule) => add(inet, 'rule', `${chain} ${rule}`)),
    ...addresses.map((address) =>
      add(inet, 'element', `sources${isVersion6(address) ? 6 : 4} { ${address} comment "${id}" : goto ${chain} }`),
    ),
    ...redirected.map((address) =>
      add(
        inet,
        'element',
        `resolvers${isVersion6(address) ? 6 : 4} { ${address} comment "${id}" : ${nftPort(resolverPort ?? 0)} }`,
      ),
    ),
    ...(redirected.length === 0
      ? []
      : [add(inet, 'element', `resolver_ports { ${nftPort(resolverPort ?? 0)} comment "${id}" }`)]),
    ...attachments.flatMap((attachment, index) => [
      ...ingressLines(id, index, attachment),
      ...bridgeLines(id, index, attachment),
    ]),
  ];
}

/** Sets come first: a resolver may have filled them, and they stay when the rules are made anew. */
export function setLines({ id, policy, nameSeconds, graceSeconds }: Restricted): string[] {
  return policy.zones.flatMap((_, index) =>
    ([4, 6] as const).flatMap((family) => [
      add(inet, 'set', `${setName('n', family, index, id)} { type ipv${family}_addr; flags timeout; timeout ${nameSeconds}s; }`),
      add(
        inet,
        'set',
        `${setName('g', family, index, id)} { type ipv${family}_addr; size 65535; flags dynamic,timeout; timeout ${graceSeconds}s; }`,
      ),
    ]),
  );
}

function ingressLines(id: string, index: number, { hostInterface, mac, addresses }: RestrictedInterface): string[] {
  const name = ingressName(index, id);
  const own = addresses.map(withoutPrefix);
  const [four, six] = [own.filter((address) => !isVersion6(address)), own.filter(isVersion6)];
  const arp = `meta protocol arp meta length <= 46 arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp operation { request, reply } arp saddr ether ${nftMac(mac)}`;
  const rules = [
    `ether saddr != ${nftMac(mac)} drop`,
    'ether type { 0x8100, 0x88a8 } drop',
    ...four.flatMap((address) => [
      `${arp} arp saddr ip ${address} accept`,
      // Whether somebody else has it already (RFC 5227).
      `${arp} arp saddr ip 0.0.0.0 arp daddr ip ${address} accept`,
      `ip saddr ${address} accept`,
    ]),
    // Nobody may hide the type of a message for neighbours behind headers, and what claims an address must claim its own.
    ...six.flatMap((address) => [
      `ip6 nexthdr icmpv6 icmpv6 type nd-neighbor-solicit ip6 hoplimit 255 ip6 length <= 32 ip6 saddr ${address} accept`,
      `ip6 nexthdr icmpv6 icmpv6 type nd-neighbor-solicit ip6 hoplimit 255 ip6 length <= 32 ip6 saddr :: @th,64,128 ${hex(address)} accept`,
      `ip6 nexthdr icmpv6 icmpv6 type nd-neighbor-advert ip6 hoplimit 255 ip6 length <= 32 ip6 saddr ${address} @th,64,128 ${hex(address)} accept`,
    ]),
    ...(six.length === 0
      ? []
      : [
          'meta l4proto ipv6-icmp icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } drop',
        ]),
    ...six.map((address) => `ip6 saddr ${address} accept`),
    'drop',
  ];
  const hook = `type filter hook ingress device ${nftInterface(hostInterface)} priority -500; policy drop;`;
  return [add(netdev, 'chain', `${name} { ${hook} }`), ...rules.map((rule) => add(netdev, 'rule', `${name} ${rule}`))];
}

/** An address as the number that nft compares bytes of a packet with. */
function hex(address: string): string {
  const [head = '', tail] = new URL(`http://[${nftAddress(address)}]`).hostname.slice(1, -1).split('::');
  const parts = (text: string | undefined): string[] => (text === undefined || text === '' ? [] : text.split(':'));
  const zeros = tail === undefined ? 0 : 8 - parts(head).length - parts(tail).length;
  const all = [...parts(head), ...Array<string>(zeros).fill('0'), ...parts(tail)];
  return `0x${all.map((part) => part.padStart(4, '0')).join('')}`;
}

/** What comes from the container, and what another port of the bridge sends to it, is addressed to the host, which forwards it: so connection tracking sees both directions. */
function bridgeLines(id: string, index: number, { hostInterface, mac, bridgeMac }: RestrictedInterface): string[] {
  if (bridgeMac === undefined) return [];
  const name = pullName(index, id);
  const device = nftInterface(hostInterface);
  return [
    add(bridge, 'chain', name),
    add(bridge, 'rule', `${name} ether type arp return`),
    add(bridge, 'rule', `${name} ${neighbour} return`),
    add(bridge, 'rule', `${name} ether type { ip, ip6 } ether daddr set ${nftMac(bridgeMac)} meta pkttype set host`),
    add(bridge, 'element', `restricted { ${device} comment "${id}" }`),
    add(bridge, 'element', `from_ports { ${device} comment "${id}" : jump ${name} }`),
    add(bridge, 'element', `to_macs { ${nftMac(mac)} comment "${id}" : jump ${name} }`),
  ];
}

function policyLines({ id, policy, nameservers, resolverPort }: Restricted): string[] {
  const to = (address: string): string => `${isVersion6(address) ? 'ip6' : 'ip'} daddr ${address}`;
  const asks = nameservers.map((address) => `${to(nftAddress(address))} meta l4proto { tcp, udp } th dport 53`);
  return [
    'ct state established accept',
    // No expectation of a helper: only errors about what is established.
    'meta l4proto { icmp, ipv6-icmp } ct state related accept',
    `${neighbour} fib daddr type local accept`,
    `${neighbour} ip6 daddr ff02::1:ff00:0/104 accept`,
    ...(resolverPort === undefined ? [] : asks.map((match) => `${match} accept`)),
    ...policy.addresses.flatMap(({ address, ports }) => ports.map((port) => `${to(address)} ${port} accept`)),
    // Nobody answers there: that is said at once, so that no program waits for it.
    ...(resolverPort === undefined ? asks.map((match) => `${match} reject`) : []),
    // The host's own addresses, and those that mean something else on each link, are allowed one by one only: a name can be made to lead there.
    'fib daddr type != unicast drop',
    'ip daddr { 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16 } drop',
    'ip6 daddr { ::/127, fe80::/10 } drop',
    ...policy.subnets.flatMap(({ subnet, ports }) => ports.map((port) => `${to(subnet)} ${port} accept`)),
    ...policy.zones.flatMap((zone, index) => zoneLines(id, zone, index)),
    'drop',
  ];
}

function zoneLines(id: string, { ports }: Zone, index: number): string[] {
  return ports.flatMap((port: PortMatch) =>
    ([4, 6] as const).flatMap((family) => {
      const daddr = family === 4 ? 'ip daddr' : 'ip6 daddr';
      const [names, grace] = [setName('n', family, index, id), setName('g', family, index, id)];
      return [`${daddr} @${names} ${port} update @${grace} { ${daddr} } accept`, `${daddr} @${grace} ${port} accept`];
    }),
  );
}
