import { isIP } from 'node:net';

/** A network of addresses. */
export interface Cidr {
  readonly family: 4 | 6;
  /** Without the bits of the host. */
  readonly base: bigint;
  readonly prefix: number;
}

const bitsOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);

/** Undefined when it is no address. */
export function parseAddress(text: string): { readonly family: 4 | 6; readonly value: bigint } | undefined {
  const family = isIP(text);
  if (family === 4) return { family, value: text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n) };
  // No address of a network has a zone.
  if (family === 6 && !text.includes('%')) return { family, value: value6(text) };
  return undefined;
}

function value6(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted !== null) {
    const [, head = '', tail = ''] = dotted;
    const [a = 0, b = 0, c = 0, d = 0] = tail.split('.').map(Number);
    return value6(`${head}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`);
  }
  const [left = '', right] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [front, back] = [groups(left), groups(right ?? '')];
  const middle = right === undefined ? [] : Array<string>(8 - front.length - back.length).fill('0');
  return [...front, ...middle, ...back].reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n);
}

/** In its shortest form (RFC 5952). */
export function formatAddress(family: 4 | 6, value: bigint): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - index * 16)) & 65535n).toString(16)).join(':');
  const runs = [...groups.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length);
  const [run] = runs;
  if (run === undefined) return groups;
  const [before, after] = [groups.slice(0, run.index), groups.slice(run.index + run[0].length)];
  return `${before}::${after.replace(/^:/, '')}`;
}

/** Undefined when it is none, or has bits of a host where `strict`. */
export function parseCidr(text: string, { strict = false }: { readonly strict?: boolean } = {}): Cidr | undefined {
  const [, address = '', length = ''] = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text) ?? [];
  const parsed = parseAddress(address);
  const prefix = Number(length);
  if (parsed === undefined || length === '' || prefix > bitsOf(parsed.family)) return undefined;
  const base = masked(parsed.family, parsed.value, prefix);
  return strict && base !== parsed.value ? undefined : { family: parsed.family, base, prefix };
}

export function formatCidr({ family, base, prefix }: Cidr): string {
  return `${formatAddress(family, base)}/${prefix}`;
}

/** Its last address. */
export function lastOf({ family, base, prefix }: Cidr): bigint {
  return base + (1n << BigInt(bitsOf(family) - prefix)) - 1n;
}

export function contains(network: Cidr, family: 4 | 6, value: bigint): boolean {
  return network.family === family && masked(family, value, network.prefix) === network.base;
}

export function overlaps(one: Cidr, other: Cidr): boolean {
  return (
    contains(one.prefix <= other.prefix ? one : other, other.family, one.prefix <= other.prefix ? other.base : one.base) &&
    one.family === other.family
  );
}

/** Parts of a network with a longer prefix, in order. */
export function* partsOf(network: Cidr, prefix: number): Generator<Cidr> {
  const size = 1n << BigInt(bitsOf(network.family) - prefix);
  for (let base = network.base; base <= lastOf(network); base += size) yield { family: network.family, base, prefix };
}

function masked(family: 4 | 6, value: bigint, prefix: number): bigint {
  const shift = BigInt(bitsOf(family) - prefix);
  return (value >> shift) << shift;
}

/** Of the same family and value, however they are written. */
export function isSameAddress(one: string, other: string): boolean {
  const [a, b] = [parseAddress(one), parseAddress(other)];
  return a !== undefined && b !== undefined && a.family === b.family && a.value === b.value;
}
