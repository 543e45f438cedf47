import { BlockList, isIP } from 'node:net';

/** Networks that a registry on the Internet has no business sending us to (IANA special-purpose address registries). */
const specialIpv4: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
const specialIpv6: readonly (readonly [network: string, prefix: number])[] = [
  // With the addresses that only carry an IPv4 address (RFC 4291, 2.5.5.1).
  ['::', 96],
  // IPv4-translated (RFC 2765).
  ['::ffff:0:0:0', 96],
  // Translation and tunnels, at the end of which is an IPv4 address (RFC 8215, 4380, 7526).
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2002::', 16],
  ['100::', 64],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
];

const special = new BlockList();
for (const [network, prefix] of specialIpv4) {
  special.addSubnet(network, prefix, 'ipv4');
  // The same through NAT64 (RFC 6052). IPv4-mapped addresses are compared as IPv4 by BlockList itself.
  special.addSubnet(`64:ff9b::${network}`, 96 + prefix, 'ipv6');
}
for (const [network, prefix] of specialIpv6) special.addSubnet(network, prefix, 'ipv6');

/** True for an address on the Internet: not loopback, link-local, private, multicast or reserved. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  return !special.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** An address in the one form in which two can be compared: IPv4-mapped IPv6 becomes IPv4. */
export function plainAddress(address: string): string {
  return /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address;
}
