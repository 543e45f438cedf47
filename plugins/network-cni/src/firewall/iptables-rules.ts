import type { OwnNetwork } from '../networks/own-network.js';
import { isVersion6, nftAddress, nftInterface, nftSubnet } from './nft.js';

export type Family = 'iptables' | 'ip6tables';

export interface OwnChain {
  readonly table: 'nat' | 'mangle' | 'raw';
  /** The built-in chain that jumps to it. */
  readonly from: string;
  /** At most 28 bytes; an interface's name has 15. */
  readonly name: string;
  /** As iptables-save writes them, so that what is there is known. */
  readonly rules: readonly string[];
}

export const familiesOf = ({ subnets }: OwnNetwork): Family[] => [
  ...(subnets.some(({ subnet }) => !isVersion6(subnet)) ? (['iptables'] as const) : []),
  ...(subnets.some(({ subnet }) => isVersion6(subnet)) ? (['ip6tables'] as const) : []),
];

export function networkRules({ bridge, subnets, internal }: OwnNetwork, family: Family): OwnChain[] {
  nftInterface(bridge);
  const ofFamily = subnets.filter(({ subnet }) => isVersion6(subnet) === (family === 'ip6tables'));
  const own = ofFamily.map(({ subnet }) => nftSubnet(subnet));
  const loopback = family === 'iptables' ? '127.0.0.0/8' : '::1/128';
  const nat: OwnChain = {
    table: 'nat',
    from: 'POSTROUTING',
    name: `SLIPWAY-N-${bridge}`,
    rules: internal ? [] : own.map((subnet) => `-s ${subnet} ! -o ${bridge} -j MASQUERADE`),
  };
  // portmap turns route_localnet on for the bridge, and services of the host trust that address (CVE-2020-8558).
  const raw: OwnChain = {
    table: 'raw',
    from: 'PREROUTING',
    name: `SLIPWAY-R-${bridge}`,
    rules: [`-d ${loopback} -i ${bridge} -j DROP`, `-s ${loopback} -i ${bridge} -j DROP`],
  };
  // Resolvers answer on the gateway's address, and a network with a way out asks further: they are for its own containers and the host alone. What is published has another address by now.
  const input: OwnChain = {
    table: 'mangle',
    from: 'INPUT',
    name: `SLIPWAY-I-${bridge}`,
    rules: [
      '-i lo -j RETURN',
      ...ofFamily.map(
        ({ gateway }) =>
          `-d ${nftAddress(gateway)}/${family === 'iptables' ? 32 : 128} ! -i ${bridge} -m conntrack --ctstate INVALID,NEW,UNTRACKED -j DROP`,
      ),
    ],
  };
  // Not in the table filter: what others accept there, the plugin firewall for one, is not to be accepted here.
  const fence = { table: 'mangle', from: 'FORWARD', name: `SLIPWAY-F-${bridge}` } as const;
  if (internal)
    return [nat, raw, input, { ...fence, rules: [`-i ${bridge} ! -o ${bridge} -j DROP`, `! -i ${bridge} -o ${bridge} -j DROP`] }];
  // Whoever is not of the network, be it a container of another one or a neighbour of the host with a route to the subnet, gets to published ports only.
  const isStranger = `! -i ${bridge} -o ${bridge} -m conntrack --ctstate INVALID,NEW,UNTRACKED -m conntrack ! --ctstate DNAT`;
  return [nat, raw, input, { ...fence, rules: [`${isStranger} -j DROP`] }];
}
