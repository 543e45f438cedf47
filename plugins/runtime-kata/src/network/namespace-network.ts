import { neutralize } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import * as v from 'valibot';
import { cannot } from '../refusal.js';
import type { NetworkNamespace } from './namespace.js';

/** What is in a network namespace, as the guest is to have it. */
export interface NamespaceNetwork {
  readonly interfaces: readonly NetworkInterface[];
  readonly routes: readonly NetworkRoute[];
}

export interface NetworkInterface {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  /** `10.89.0.2/24` */
  readonly addresses: readonly string[];
}

export interface NetworkRoute {
  readonly family: 4 | 6;
  /** `10.0.0.0/8`; undefined: all. */
  readonly destination?: string | undefined;
  readonly gateway?: string | undefined;
  readonly source?: string | undefined;
  readonly device: string;
  /** The gateway is reached without a route to it. */
  readonly onLink: boolean;
  /** There is no gateway: who is meant is on the link. */
  readonly isLocal: boolean;
  readonly metric?: number | undefined;
  readonly mtu?: number | undefined;
}

const linkSchema = v.object({
  ifname: v.string(),
  mtu: v.number(),
  link_type: v.string(),
  address: v.optional(v.string()),
  flags: v.array(v.string()),
  addr_info: v.array(
    v.object({
      family: v.string(),
      local: v.optional(v.string()),
      address: v.optional(v.string()),
      prefixlen: v.number(),
      scope: v.optional(v.string()),
    }),
  ),
});

const routeSchema = v.object({
  type: v.optional(v.string(), 'unicast'),
  dst: v.string(),
  gateway: v.optional(v.string()),
  via: v.optional(v.unknown()),
  nexthops: v.optional(v.unknown()),
  dev: v.optional(v.string()),
  protocol: v.optional(v.string()),
  scope: v.optional(v.string()),
  prefsrc: v.optional(v.string()),
  metric: v.optional(v.number()),
  flags: v.optional(v.array(v.string()), []),
  metrics: v.optional(v.array(v.object({ mtu: v.optional(v.number()) })), []),
});

type Link = v.InferOutput<typeof linkSchema>;
type Route = v.InferOutput<typeof routeSchema>;

/** Of what is up. Errors: `unimplemented` for what a machine's network cannot be. */
export async function readNetwork(id: string, namespace: NetworkNamespace, signal?: AbortSignal): Promise<NamespaceNetwork> {
  const shown = async <S extends v.GenericSchema>(schema: S, ...args: string[]) =>
    listOf(schema, args, (await namespace.run('ip', args, { signal })) || '[]');
  const links = await shown(linkSchema, '-j', 'address', 'show');
  const interfaces = links
    .filter(({ ifname, flags }) => ifname !== 'lo' && flags.includes('UP'))
    .map((link) => interfaceOf(id, link));
  if (interfaces.length === 0) return { interfaces, routes: [] };
  const routes = async (family: 4 | 6): Promise<NetworkRoute[]> => {
    const found = await shown(routeSchema, '-j', `-${family}`, 'route', 'show');
    // Those of the kernel come with the addresses.
    return found.filter(({ protocol, dev }) => protocol !== 'kernel' && dev !== 'lo').map((route) => routeOf(id, family, route));
  };
  return { interfaces, routes: [...(await routes(4)), ...(await routes(6))] };
}

/** What iproute2 has printed. Versions differ in what they say. */
export function listOf<S extends v.GenericSchema>(schema: S, args: readonly string[], text: string): v.InferOutput<S>[] {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), v.array(schema)), text);
  if (parsed.success) return parsed.output;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'MACHINE_NETWORK_FAILED',
    message: `"ip ${args.join(' ')}" in the network namespace of the container: ${neutralize(v.summarize(parsed.issues), 300)}`,
    hint: 'install another version of iproute2',
  });
}

function interfaceOf(id: string, { ifname, mtu, link_type: type, address: mac = '', addr_info: found }: Link): NetworkInterface {
  if (type !== 'ether')
    throw unlike(id, `the interface ${JSON.stringify(ifname)} is ${JSON.stringify(type)} and not of Ethernet`);
  const peer = found.find(({ address }) => address !== undefined);
  if (peer !== undefined) throw unlike(id, `the address ${JSON.stringify(peer.local)} of ${JSON.stringify(ifname)} has a peer`);
  // A guest makes the same link-local ones of the same hardware address.
  const addresses = found.flatMap(({ family, local, prefixlen, scope }) =>
    local === undefined || (family === 'inet6' && scope === 'link') ? [] : [`${local}/${prefixlen}`],
  );
  return { name: ifname, mac, mtu, addresses };
}

function routeOf(id: string, family: 4 | 6, route: Route): NetworkRoute {
  const { type, dst, gateway, via, nexthops, dev, scope, prefsrc, metric, flags, metrics } = route;
  if (type !== 'unicast' || dev === undefined || via !== undefined || nexthops !== undefined)
    throw unlike(id, `the route to ${JSON.stringify(dst)} is none to one gateway on one interface`);
  return {
    family,
    destination: dst === 'default' ? undefined : dst,
    gateway,
    source: prefsrc,
    device: dev,
    onLink: flags.includes('onlink'),
    isLocal: scope === 'link',
    metric,
    mtu: metrics.find(({ mtu }) => mtu !== undefined)?.mtu,
  };
}

function unlike(id: string, what: string) {
  return cannot(
    id,
    `${what}, which virtual machines cannot be given`,
    'use a network of another kind, or a stack whose containers are processes of the host (--stack)',
  );
}
