import type { EgressPolicy, NetworkAttachment, PublishedPort } from '@slipway/plugin-api';
import type { PluginConfig } from './cni/conflist.js';
import type { OwnNetwork } from './networks/own-network.js';

/** What networks of ours get beside their interfaces. Each call is idempotent, and each has a call that takes it back. */
export interface Services {
  readonly firewall: Firewall;
  readonly names: Names;
  readonly egress: Egress;
}

export interface Firewall {
  readonly kind: 'iptables' | 'nftables';
  chainPlugins(network: OwnNetwork): readonly PluginConfig[];
  prepareNetwork(network: OwnNetwork): Promise<void>;
  removeNetwork(network: OwnNetwork): Promise<void>;
  publish(id: string, ports: readonly PublishedPort[], attachment: NetworkAttachment): Promise<void>;
  unpublish(id: string): Promise<void>;
  cleanup(living: ReadonlySet<string>): Promise<void>;
}

export interface Names {
  /** The container is known by its names to those of that network. */
  add(
    network: OwnNetwork,
    entry: NamesEntry,
  ): Promise<{ readonly nameservers: readonly string[]; readonly search: readonly string[] }>;
  /**
   * The container, whose names were added there, knows the names of these networks, whichever nameserver of theirs it asks, and asks those nameservers for others (none: the host's). Before
   * it is removed from one of them it joins without it.
   */
  join(id: string, networks: readonly JoinedNetwork[], nameservers: readonly string[]): Promise<void>;
  remove(network: OwnNetwork, id: string): Promise<void>;
  cleanup(living: ReadonlySet<string>): Promise<void>;
}

export interface NamesEntry {
  readonly id: string;
  readonly names: readonly string[];
  readonly aliases: readonly string[];
  /** Without prefix lengths. */
  readonly addresses: readonly string[];
}

export interface JoinedNetwork {
  readonly network: OwnNetwork;
  /** Of the container, without prefix lengths. */
  readonly addresses: readonly string[];
}

export interface Egress {
  /** Errors: `invalid-argument` (the policy), `failed-precondition` (what the host does not have). Nothing is made. */
  check(id: string, policy: EgressPolicy): Promise<void>;
  restrict(
    id: string,
    policy: EgressPolicy,
    attachments: readonly RestrictedAttachment[],
    nameservers: readonly string[],
  ): Promise<{ readonly nameservers: readonly string[] }>;
  release(id: string): Promise<void>;
  cleanup(living: ReadonlySet<string>): Promise<void>;
}

/** Of any network whose plugins tell of an interface on the host. */
export interface RestrictedAttachment {
  readonly hostInterface: string;
  readonly mac: string;
  readonly addresses: readonly string[];
}
