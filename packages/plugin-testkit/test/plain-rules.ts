import type { NetworkFault, PlainContainer, PlainEntry, PlainState } from './plain-network.ts';

/** All rules of a state, in nft's language, in place of those from before. */
export function rulesOf(state: PlainState, fault: NetworkFault | undefined): string {
  const containers = Object.values(state.attached);
  const networks = Object.values(state.networks);
  const masquerades = networks
    .filter(({ internal }) => !internal)
    .flatMap(({ subnets, bridge }) =>
      subnets.map(({ subnet }) => `${family(subnet)} saddr ${subnet} oifname != "${bridge}" masquerade`),
    );
  const ports = fault === 'publishes nothing' ? [] : containers.flatMap((container) => portRules(container, fault));
  // By its own address, and by that of loopback, replies would go another way.
  const hairpins = networks.flatMap(({ subnets, bridge }) =>
    subnets.map(
      ({ subnet }) =>
        `oifname "${bridge}" ct status dnat ${family(subnet)} saddr { ${subnet}${subnet.includes(':') ? '' : ', 127.0.0.0/8'} } masquerade`,
    ),
  );
  const isolated = networks
    .filter(({ internal }) => internal && fault !== 'leads out of internal networks')
    .map(({ bridge }) => `iifname "${bridge}" oifname != "${bridge}" drop`);
  const parted = networks
    .filter(() => fault !== 'leads from one network to another')
    .map(({ bridge }) => `iifname "plain*" iifname != "${bridge}" oifname "${bridge}" ct state new drop`);
  const restricted = containers.flatMap((container) =>
    container.egress === null || fault === 'lets everything out'
      ? []
      : container.entries.map((entry) => ingress(container, entry, fault)),
  );
  return [
    'table inet plain {}',
    'delete table inet plain',
    'table netdev plain {}',
    ...(restricted.length === 0 || fault === 'makes its rules anew' ? ['delete table netdev plain'] : gone(state)),
    'table inet plain {',
    ' chain in { type nat hook prerouting priority -100; ',
    ...ports.map((rule) => `fib daddr type local ${rule}`),
    ' }',
    ' chain local { type nat hook output priority -100; ',
    ...ports.map((rule) => `fib daddr type local ${rule}`),
    ' }',
    ' chain out { type nat hook postrouting priority 100; ',
    ...hairpins,
    ...(fault === 'has no NAT' ? [] : masquerades),
    ' }',
    ' chain forward { type filter hook forward priority 0; ',
    ...isolated,
    'ct status dnat accept',
    ...parted,
    ' }',
    '}',
    ...restricted,
    '',
  ].join('\n');
}

/** Chains of interfaces that are no more. Those that stay are filled anew: taken away and made again they would let packets by meanwhile. */
function gone(state: PlainState): string[] {
  const names = Object.values(state.attached).flatMap(({ entries }) => entries.map(({ attachment }) => attachment.hostInterface));
  return (state.chains ?? [])
    .filter((name) => !names.includes(name))
    .flatMap((name) => [`add chain netdev plain ${name}`, `delete chain netdev plain ${name}`]);
}

const family = (address: string): string => (address.includes(':') ? 'ip6' : 'ip');

function portRules({ ports, entries }: PlainContainer, fault: NetworkFault | undefined): string[] {
  return ports.flatMap(({ protocol, hostAddress, hostPort, containerPort }) => {
    const isSix = hostAddress.includes(':');
    const target = entries[0]?.attachment.addresses.find((each) => each.includes(':') === isSix)?.replace(/\/.*/, '');
    if (target === undefined) return [];
    const isAny = hostAddress === '0.0.0.0' || hostAddress === '::' || fault === 'publishes everywhere';
    const where = isAny ? `meta nfproto ipv${isSix ? 6 : 4}` : `${family(hostAddress)} daddr ${hostAddress}`;
    const to = isSix ? `ip6 to [${target}]:${containerPort}` : `ip to ${target}:${containerPort}`;
    return [`${where} ${protocol} dport ${hostPort} dnat ${to}`];
  });
}

/** What comes out of a container's end: its own addresses only, to what is allowed, and what goes on with a connection from elsewhere. */
function ingress({ egress }: PlainContainer, { attachment }: PlainEntry, fault: NetworkFault | undefined): string {
  const { hostInterface = '', mac, addresses } = attachment;
  const own = addresses.map((address) => address.replace(/\/.*/, ''));
  const hasOther = fault === 'lets other addresses out';
  const sources = own.map((address) => `${family(address)} saddr != ${address} drop`);
  const allowed = (egress?.allow ?? [])
    .filter(({ host }) => /^[0-9a-f.:]+(\/\d+)?$/.test(host))
    .flatMap(({ host, port, protocol }) =>
      (protocol === undefined ? ['tcp', 'udp'] : [protocol]).map(
        (each) => `${family(host)} daddr ${host} ${port === undefined ? `meta l4proto ${each}` : `${each} dport ${port}`} accept`,
      ),
    );
  return [
    `table netdev plain { chain ${hostInterface} { type filter hook ingress device "${hostInterface}" priority 0; policy drop;\n}\n}`,
    `flush chain netdev plain ${hostInterface}`,
    `table netdev plain {\nchain ${hostInterface} {`,
    ...(hasOther ? [`ip saddr != ${own[0]} accept`] : [`ether saddr != ${mac} drop`]),
    'ether type arp accept',
    'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept',
    ...sources,
    ...(fault === 'lets UDP out' ? ['meta l4proto udp accept'] : []),
    ...(fault === 'lets IPv6 out' ? ['ether type ip6 accept'] : []),
    ...(fault === 'lets everything in by no reply' ? [] : ['tcp flags & (syn | ack) != syn accept']),
    ...allowed,
    '}',
    '}',
  ].join('\n');
}
