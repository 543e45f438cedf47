import { isIP } from 'node:net';
import { type EgressPolicy, SlipwayError } from '@slipway/plugin-api';
import { nftAddress, nftPort, nftSubnet } from '../firewall/nft.js';
import { isHostName } from '../names/host-names.js';

/** What may be connected to at an address: `tcp dport 443`, as nft's language says it. */
export type PortMatch = string;

/** A policy in the terms that it is enforced in. */
export interface CheckedPolicy {
  /** Single addresses; these may be of the host itself, and link-local. */
  readonly addresses: readonly { readonly address: string; readonly ports: readonly PortMatch[] }[];
  readonly subnets: readonly { readonly subnet: string; readonly ports: readonly PortMatch[] }[];
  readonly zones: readonly Zone[];
}

/** A part of the names. Of two that hold a name the longer one has it, as with dnsmasq, which knows no other way to choose a set. */
export interface Zone {
  /** Lower case, without a dot at its end. */
  readonly name: string;
  /** The name itself is answered. */
  readonly hasSelf: boolean;
  /** Names below it are answered. */
  readonly hasBelow: boolean;
  readonly ports: readonly PortMatch[];
}

/** Errors: `invalid-argument`. */
export function checkPolicy(what: string, { allow }: EgressPolicy): CheckedPolicy {
  const addresses = new Map<string, Set<PortMatch>>();
  const subnets = new Map<string, Set<PortMatch>>();
  const exact = new Map<string, Set<PortMatch>>();
  const below = new Map<string, Set<PortMatch>>();
  for (const rule of allow) {
    const host = rule.host.toLowerCase().replace(/(?<=[^.])\.$/, '');
    const add = (to: Map<string, Set<PortMatch>>, key: string): void => {
      const ports = to.get(key) ?? new Set();
      for (const match of portMatches(what, rule)) ports.add(match);
      to.set(key, ports);
    };
    if (isIP(host) !== 0) add(addresses, nftAddress(host));
    else if (host.includes('/')) add(subnets, nftSubnet(host));
    else if (host.startsWith('*.') && isName(host.slice(2))) add(below, host.slice(2));
    else if (isName(host)) add(exact, host);
    else throw refused(what, rule.host, 'it is no address, network, name, or name after "*."');
  }
  return {
    addresses: [...addresses].map(([address, ports]) => ({ address, ports: [...ports] })),
    subnets: [...subnets].map(([subnet, ports]) => ({ subnet, ports: [...ports] })),
    zones: zonesOf(what, exact, below),
  };
}

/** A number with dots is an address that somebody mistyped, and none that a resolver is asked for. */
const isName = (host: string): boolean => isHostName(host) && /[a-z_]/.test(host.split('.').at(-1) ?? '');

function portMatches(what: string, { host, port, protocol }: EgressPolicy['allow'][number]): PortMatch[] {
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp')
    throw refused(what, host, `the protocol ${JSON.stringify(protocol)} is neither tcp nor udp`);
  const protocols = protocol === undefined ? ['tcp', 'udp'] : [protocol];
  return protocols.map((each) => (port === undefined ? `meta l4proto ${each}` : `${each} dport ${nftPort(port)}`));
}

type Ports = ReadonlyMap<string, ReadonlySet<PortMatch>>;

function zonesOf(what: string, exact: Ports, below: Ports): Zone[] {
  const names = [...new Set([...exact.keys(), ...below.keys()])].toSorted();
  return names.map((name) => {
    const above = parents(name).flatMap((parent) => [...(below.get(parent) ?? [])]);
    const self = new Set([...above, ...(exact.get(name) ?? [])]);
    const lower = new Set([...above, ...(below.get(name) ?? [])]);
    if (self.size > 0 && lower.size > 0 && self.symmetricDifference(lower).size > 0) {
      throw refused(
        what,
        name,
        `what is allowed for it and for the names below it differs, and an answer does not tell them apart`,
        'allow the same ports for both',
      );
    }
    return { name, hasSelf: self.size > 0, hasBelow: lower.size > 0, ports: [...self.union(lower)] };
  });
}

function parents(name: string): string[] {
  const parts = name.split('.');
  return parts.slice(1).map((_, index) => parts.slice(index + 1).join('.'));
}

const refused = (what: string, host: string, found: string, hint?: string): SlipwayError =>
  new SlipwayError({
    kind: 'invalid-argument',
    code: 'EGRESS_RULE_INVALID',
    message: `${what}: allow ${JSON.stringify(host.slice(0, 300))}: ${found}`,
    hint,
    details: { host: host.slice(0, 300) },
  });
