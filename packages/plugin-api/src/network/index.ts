import { definePoint } from '../point.js';

/**
 * # Network: interfaces for a container's network namespace
 *
 * A *network* has a name, and containers join it. Whoever runs a container makes its network namespace, and owns it; this contract puts interfaces into it, publishes ports,
 * answers names, and says where it may connect to. What it does for a container is known by the container's id and survives the process that asked for it.
 *
 * Laws:
 * 1. `create` of a name that is there: `already-exists`. A name is 1 to 64 of `[a-zA-Z0-9_.-]`, starting with a letter or digit, and none of `none`, `host`, `default`: `invalid-argument`.
 *    A subnet that overlaps another network's, or a route of the host: `failed-precondition`, before anything is made.
 * 2. `attach` is all or nothing: when it fails, or is aborted, no address, interface, rule, name or file of it is left. A second `attach` of an id to a network it has: `already-exists`.
 * 3. Two that attach at once, in one process or several, never get the same address, host interface or published port.
 * 4. `detach` is idempotent and tolerant: it goes through to the end, in reverse order, when the namespace, the interface, the rules or the network's configuration have gone
 *    or changed; what it could not release it says in one error after all else was released.
 * 5. Whatever is killed at whichever moment, `detach(id)` from any process makes the host clean, and `cleanup` does so for every id that is not among the living.
 * 6. `attachments` tells what `attach` returned, from any process. After a reboot nobody is attached.
 * 7. With an egress policy nothing leaves the container that it does not allow, from the first packet on, whatever the container does with its own interfaces, routes, addresses and
 *    resolver; replies to what came in through published ports or from its networks go out. It is enforced outside of the container's namespaces.
 * 8. What the host cannot do is `unimplemented` or `failed-precondition`, with the package to install, before anything is made; never a silent nothing.
 *
 * @stable
 * @since 0.1
 */
export interface Network {
  /** What it can do on this host, measured. */
  features(): Promise<NetworkFeatures>;
  create(name: string, options?: CreateNetworkOptions): Promise<NetworkInfo>;
  /** Errors: `not-found`. */
  inspect(name: string): Promise<NetworkInfo>;
  /** In the order of their names, with those that the host's own configuration brings. */
  list(): Promise<readonly NetworkInfo[]>;
  /** Errors: `not-found`, `failed-precondition` (a container is attached; it is not ours to remove). */
  remove(name: string, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Errors: `not-found` (the network), `already-exists`, `failed-precondition` (a fixed address or port is taken), `invalid-argument`, `resource-exhausted` (no address is free), `canceled`. */
  attach(request: AttachNetworksRequest): Promise<readonly NetworkAttachment[]>;
  /** From all networks, or from one. With the last one ports, names and egress rules go too. */
  detach(id: string, request?: DetachNetworksRequest): Promise<void>;
  /** Other names that it is found by from now on, in place of those that `attach` was given; its aliases stay. Nothing, when the id is not attached. */
  rename(id: string, names: readonly string[]): Promise<void>;
  /** In the order in which they were attached; none when the id is not attached. */
  attachments(id: string): Promise<readonly NetworkAttachment[]>;
  /** Detaches every id that is not among these, and removes what nothing refers to: addresses, rules, names, results. */
  cleanup(living: ReadonlySet<string>): Promise<void>;
}

export const networkPoint = definePoint<Network>('network.v1');

export interface NetworkFeatures {
  /** As `cni 1.1.1`. */
  readonly version: string;
  readonly firewall: 'iptables' | 'nftables' | 'none';
  readonly ipv6: boolean;
  /** Containers of a network find each other by name. */
  readonly names: boolean;
  readonly egress: boolean;
}

export interface CreateNetworkOptions {
  /** The plugin's own kinds; default `bridge`. */
  readonly driver?: string | undefined;
  /** In CIDR notation, IPv4 or IPv6, at most one of each. Default: the next free IPv4 one. */
  readonly subnets?: readonly SubnetSettings[] | undefined;
  /** Also an IPv6 subnet (a unique local one) where none is given. */
  readonly ipv6?: boolean | undefined;
  /** No way out of the host, and no default route. */
  readonly internal?: boolean | undefined;
  /** Bytes. Default: that of the host's default route. */
  readonly mtu?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The driver's own; unknown ones are `invalid-argument`. */
  readonly options?: Readonly<Record<string, string>> | undefined;
}

export interface SubnetSettings {
  /** `10.89.0.0/24`, `fd00:1::/64`. */
  readonly subnet: string;
  /** In the subnet; default its first address. */
  readonly gateway?: string | undefined;
  /** Addresses are given out of this part only. */
  readonly range?: string | undefined;
}

export interface NetworkInfo {
  readonly name: string;
  readonly driver: string;
  readonly subnets: readonly SubnetSettings[];
  readonly internal: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** RFC 3339; absent of one that the host's own configuration brings. */
  readonly createdAt?: string;
  readonly mtu?: number;
  /** On the host, when there is one. */
  readonly bridge?: string;
  /** Where its configuration is. */
  readonly file?: string;
  /** Ids of those attached now, with their addresses. */
  readonly attached: readonly { readonly id: string; readonly addresses: readonly string[] }[];
}

export interface AttachNetworksRequest {
  /** The container's id. */
  readonly id: string;
  /** A path that opens the network namespace, for as long as `attach` takes. */
  readonly namespace: string;
  /** In this order; interfaces are named `eth0`, `eth1`, ... after those that are there. The first gives the default route. */
  readonly networks: readonly JoinNetwork[];
  /** Names that others of its networks find it by: its name, host name, short id. */
  readonly names: readonly string[];
  /** Taken on the host when this is called: whoever asks has made sure that nobody else has them. */
  readonly ports?: readonly PublishedPort[] | undefined;
  /** Absent: everything may go out. */
  readonly egress?: EgressPolicy | undefined;
  /** Where names that are none of a network's are asked for; default: the host's resolvers. */
  readonly nameservers?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface JoinNetwork {
  readonly network: string;
  /** Fixed ones, in its subnets. */
  readonly addresses?: readonly string[] | undefined;
  /** `02:42:ac:11:00:02`; unicast. */
  readonly mac?: string | undefined;
  /** Further names in this network. */
  readonly aliases?: readonly string[] | undefined;
}

export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** On the host: `0.0.0.0` and `::` are all addresses of their family. */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** What may be connected to from the inside; everything else, ICMP and the host's own addresses included, is dropped. Empty: nothing. */
export interface EgressPolicy {
  readonly allow: readonly EgressRule[];
}

export interface EgressRule {
  /** An address, a network in CIDR notation, or a host name: as resolved outside of the container, and only that name, or `*.example.com` for those below it. */
  readonly host: string;
  /** Absent: every port. */
  readonly port?: number | undefined;
  /** Absent: TCP and UDP. */
  readonly protocol?: 'tcp' | 'udp' | undefined;
}

export interface NetworkAttachment {
  readonly network: string;
  /** In the container. */
  readonly interface: string;
  readonly mac: string;
  /** With prefix lengths: `10.88.0.2/16`. */
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  readonly mtu: number;
  /** The other end, on the host. */
  readonly hostInterface?: string;
  /** What the container's resolver is to ask, and with which search list; empty: there is none, and the host's own are used. */
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
}

export interface DetachNetworksRequest {
  readonly network?: string | undefined;
  /** A path that opens the namespace, where it is still there. */
  readonly namespace?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}
