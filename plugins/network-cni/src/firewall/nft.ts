import { isIP, isIPv4, isIPv6 } from 'node:net';
import { SlipwayError } from '@slipway/plugin-api';
import { findTool, runTool, toolFailed } from './run-tool.js';

/**
 * What is written into nft's language is made of these alone, so that nothing that comes from a request can end a statement and begin another.
 */
export function nftId(id: string): string {
  return checked('container id', id, /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/);
}

/** IFNAMSIZ is 16, with the zero at its end. */
export function nftInterface(name: string): string {
  return `"${checked('interface', name, /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/)}"`;
}

export function nftMac(mac: string): string {
  return checked('MAC address', mac.toLowerCase(), /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
}

export function nftPort(port: number): string {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw notChecked('port', String(port));
  return String(port);
}

export function nftProtocol(protocol: string): string {
  return checked('protocol', protocol, /^(tcp|udp|sctp)$/);
}

/** An address without prefix length or zone. */
export function nftAddress(address: string): string {
  if (isIP(address) === 0 || address.includes('%')) throw notChecked('address', address);
  return address;
}

export function nftSubnet(subnet: string): string {
  const [address = '', prefix = '', ...rest] = subnet.split('/');
  const most = isIPv4(address) ? 32 : 128;
  if (rest.length > 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > most) throw notChecked('network', subnet);
  return `${nftAddress(address)}/${Number(prefix)}`;
}

/** `10.88.0.2/16` is `10.88.0.2`. */
export const withoutPrefix = (address: string): string => nftAddress(address.replace(/\/\d+$/, ''));

export const isVersion6 = (address: string): boolean => isIPv6(address.replace(/\/\d+$/, ''));

function checked(what: string, value: string, pattern: RegExp): string {
  if (!pattern.test(value)) throw notChecked(what, value);
  return value;
}

const notChecked = (what: string, value: string): SlipwayError =>
  new SlipwayError({
    kind: 'invalid-argument',
    code: 'NETWORK_ARGUMENT_INVALID',
    message: `${JSON.stringify(value.slice(0, 140))} is no ${what}`,
    details: { value: value.slice(0, 140) },
  });

export interface NftTable {
  readonly family: 'inet' | 'bridge' | 'netdev';
  readonly name: string;
}

/** One transaction: all of it or nothing. */
export async function applyNft(what: string, lines: readonly string[]): Promise<void> {
  const result = await runTool(what, 'nft', ['-f', '-'], `${lines.join('\n')}\n`);
  if (result.code !== 0) throw toolFailed(what, 'nft', result);
}

export interface NftChain {
  readonly table: NftTable;
  readonly name: string;
}

export interface NftElement {
  readonly table: NftTable;
  /** The set or map. */
  readonly set: string;
  /** As nft's language writes the key. */
  readonly key: string;
  readonly comment: string | undefined;
  /** Where a verdict of the element leads to. */
  readonly target: string | undefined;
}

export interface NftListing {
  readonly chains: readonly NftChain[];
  readonly sets: readonly NftChain[];
  /** With a key that is one value or a concatenation of such. */
  readonly elements: readonly NftElement[];
}

/** What is in tables of ours; one that is not there has nothing. */
export async function listNft(what: string, tables: readonly NftTable[]): Promise<NftListing> {
  const listings = await Promise.all(tables.map((table) => listTable(what, table)));
  return {
    chains: listings.flatMap(({ chains }) => chains),
    sets: listings.flatMap(({ sets }) => sets),
    elements: listings.flatMap(({ elements }) => elements),
  };
}

async function listTable(what: string, table: NftTable): Promise<NftListing> {
  // Without it nobody has made any.
  if (findTool('nft') === undefined) return { chains: [], sets: [], elements: [] };
  const result = await runTool(what, 'nft', ['-j', 'list', 'table', table.family, table.name]);
  if (result.code !== 0) {
    if (result.errors.includes('No such file or directory')) return { chains: [], sets: [], elements: [] };
    throw toolFailed(what, 'nft', result);
  }
  const objects = (JSON.parse(result.output) as { readonly nftables: readonly Record<string, unknown>[] }).nftables;
  const named = (kind: string): Record<string, unknown>[] =>
    objects.flatMap((object) => (kind in object ? [object[kind] as Record<string, unknown>] : []));
  const sets = [...named('set'), ...named('map')];
  return {
    chains: named('chain').map(({ name }) => ({ table, name: String(name) })),
    sets: sets.map(({ name }) => ({ table, name: String(name) })),
    elements: sets.flatMap(({ name, type, elem }) =>
      (Array.isArray(elem) ? elem : []).map((entry: unknown) => ({ table, set: String(name), ...elementOf(entry, type) })),
    ),
  };
}

/** Of a map an element is a pair of its key and what it leads to. A name of an interface has quotes: it may be a number or a word of the language, as `tcp` is. */
function elementOf(entry: unknown, type: unknown): { key: string; comment: string | undefined; target: string | undefined } {
  const [left, right] = Array.isArray(entry) ? (entry as unknown[]) : [entry, undefined];
  const elem = part(left, 'elem');
  const comment = part(elem, 'comment');
  const key = keyOf(elem === undefined ? left : part(elem, 'val'));
  const verdict = part(part(right, 'jump') ?? part(right, 'goto'), 'target');
  return {
    key: type === 'ifname' ? `"${key}"` : key,
    comment: typeof comment === 'string' ? comment : undefined,
    target: typeof verdict === 'string' ? verdict : undefined,
  };
}

function keyOf(value: unknown): string {
  const concatenation = part(value, 'concat');
  if (Array.isArray(concatenation)) return concatenation.map(keyOf).join(' . ');
  const prefix = part(value, 'prefix');
  if (prefix !== undefined) return `${String(part(prefix, 'addr'))}/${String(part(prefix, 'len'))}`;
  return String(value);
}

function part(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && key in value ? (value as Record<string, unknown>)[key] : undefined;
}
