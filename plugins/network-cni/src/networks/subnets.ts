import { randomBytes } from 'node:crypto';
import type { SubnetSettings } from '@slipway/plugin-api';
import { invalid, refusal, subnetOverlaps } from '../errors.js';
import {
  type Cidr,
  contains,
  formatAddress,
  formatCidr,
  lastOf,
  overlaps,
  parseAddress,
  parseCidr,
  partsOf,
} from './addresses.js';
import type { OwnSubnet } from './own-network.js';

/** A network that is taken, and by what. */
export interface TakenSubnet {
  readonly network: Cidr;
  readonly by: string;
}

/** What the kernel does not route, or to several at once. */
const notForNetworks: readonly TakenSubnet[] = [
  ['127.0.0.0/8', 'of loopback'],
  ['224.0.0.0/3', 'of no single host'],
  ['::1/128', 'of loopback'],
  ['fe80::/10', 'that every link has'],
  ['ff00::/8', 'of no single host'],
].flatMap(([text = '', by = '']) => {
  const network = parseCidr(text);
  return network === undefined ? [] : [{ network, by }];
});

/** Checks what was asked for and says what is left open. Errors: `invalid-argument`, `failed-precondition` (overlaps). */
export function checkedSubnet(
  name: string,
  { subnet, gateway, range }: SubnetSettings,
  taken: readonly TakenSubnet[],
): OwnSubnet {
  const what = `create network "${name}"`;
  const network = parseCidr(String(subnet), { strict: true });
  if (network === undefined) {
    const loose = parseCidr(String(subnet));
    const hint = loose === undefined ? 'write it as 10.89.0.0/24 or fd00:1::/64' : `write it as ${formatCidr(loose)}`;
    throw invalid(what, `the subnet ${JSON.stringify(subnet)} is no network`, hint);
  }
  const most = network.family === 4 ? 30 : 126;
  if (network.prefix > most || network.prefix === 0) {
    throw invalid(what, `the subnet ${subnet} has a prefix of ${network.prefix}, expected 1 to ${most}`);
  }
  const use = notForNetworks.find((each) => overlaps(each.network, network));
  if (use !== undefined)
    throw invalid(what, `the subnet ${subnet} has addresses ${use.by}`, 'take one of 10.0.0.0/8 or fd00::/8');
  const chosen = gateway === undefined ? formatAddress(network.family, network.base + 1n) : gateway;
  if (!isHost(network, chosen)) throw invalid(what, `the gateway ${JSON.stringify(gateway)} is no address of ${subnet}`);
  if (range !== undefined) {
    const part = parseCidr(String(range), { strict: true });
    if (
      part === undefined ||
      part.family !== network.family ||
      part.prefix < network.prefix ||
      !contains(network, part.family, part.base)
    ) {
      throw invalid(what, `the range ${JSON.stringify(range)} is no part of ${subnet}`);
    }
  }
  const other = taken.find((each) => overlaps(each.network, network));
  if (other !== undefined) throw subnetOverlaps(name, subnet, other.by);
  return { subnet: formatCidr(network), gateway: canonical(chosen), ...(range === undefined ? {} : { range }) };
}

/** The first network that is free: `wanted`, then of the pools. Errors: `resource-exhausted`. */
export function freeSubnet(
  name: string,
  wanted: string | undefined,
  pools: readonly string[],
  taken: readonly TakenSubnet[],
): OwnSubnet {
  for (const network of candidates(wanted, pools)) {
    if (taken.some((each) => overlaps(each.network, network))) continue;
    return { subnet: formatCidr(network), gateway: formatAddress(network.family, network.base + 1n) };
  }
  throw refusal(
    'resource-exhausted',
    'NETWORK_NO_SUBNET',
    `create network "${name}": every subnet of ${pools.join(', ')} overlaps another network or a route of the host`,
    'give a subnet, or more subnet_pools in the configuration',
  );
}

/** A unique local one (RFC 4193), whose 40 random bits nobody else has. */
export function freeSubnet6(taken: readonly TakenSubnet[]): OwnSubnet {
  for (;;) {
    const global = BigInt(`0x${randomBytes(5).toString('hex')}`);
    const network: Cidr = { family: 6, base: ((0xfdn << 40n) | global) << 80n, prefix: 64 };
    if (taken.some((each) => overlaps(each.network, network))) continue;
    return { subnet: formatCidr(network), gateway: formatAddress(6, network.base + 1n) };
  }
}

function* candidates(wanted: string | undefined, pools: readonly string[]): Generator<Cidr> {
  const first = wanted === undefined ? undefined : parseCidr(wanted);
  if (first !== undefined) yield first;
  for (const pool of pools) {
    const network = parseCidr(pool);
    if (network?.family === 4) yield* partsOf(network, Math.max(24, network.prefix));
  }
}

/** Whether it is an address of a host in that network: of IPv4 neither the first nor the last. */
export function isHost(network: Cidr, text: string): boolean {
  const address = parseAddress(String(text));
  if (address === undefined || !contains(network, address.family, address.value) || address.value === network.base) return false;
  return network.family === 6 || address.value !== lastOf(network);
}

function canonical(text: string): string {
  const address = parseAddress(text);
  return address === undefined ? text : formatAddress(address.family, address.value);
}
