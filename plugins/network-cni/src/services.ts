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
  add(
    network: OwnNetwork,
    entry: NamesEntry,
  ): Promise<{ readonly nameservers: readonly string[]; readonly search: readonly string[] }>;
  remove(network: OwnNetwork, id: string): Promise<void>;
  cleanup(living: ReadonlySet<string>): Promise<void>;
}

export interface NamesEntry {
  readonly id: string;
  readonly names: readonly string[];
  readonly aliases: readonly string[];
  /** Without prefix lengths. */
  readonly addresses: readonly string[];
  /** Where other names are asked for; default: the host's resolvers. */
  readonly nameservers?: readonly string[] | undefined;
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
