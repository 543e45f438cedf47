import type { RegistryConfig } from './config.js';
import { registryOrigin } from './hosts.js';
import type { HostTls } from './trust.js';

export type Capability = 'resolve' | 'pull' | 'push';

/** One server that stands for a registry: the registry itself, or a mirror of it. */
export interface RegistryHost {
  /** `host[:port]`, by which credentials are looked up and of which errors speak. The registry's own name for the registry itself. */
  readonly name: string;
  readonly origin: URL;
  /** Http was chosen for the loopback address alone: TLS is tried should http make no sense. */
  readonly schemeIsGuess: boolean;
  /** What the distribution protocol's paths begin with: `/v2`. */
  readonly path: string;
  readonly capabilities: ReadonlySet<Capability>;
  /** Others are asked when it fails. */
  readonly isMirror: boolean;
  /** The registry that it is asked for, where it is another one. */
  readonly namespace?: string | undefined;
  /** Sent with each request to this server, and to no other. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: HostTls;
}

const all: ReadonlySet<Capability> = new Set<Capability>(['resolve', 'pull', 'push']);

/** A registry for which nothing is said in any folder. */
export function plainHost(registry: string, config: RegistryConfig): RegistryHost {
  return {
    name: registry,
    ...registryOrigin(registry, config),
    path: '/v2',
    capabilities: all,
    isMirror: false,
    headers: {},
    tls: {},
  };
}

/** Where a request of a repository goes; without a repository, to the root of the API. */
export function requestUrl(host: RegistryHost, origin: URL, repository: string, path: string): URL {
  const url = new URL(`${host.path}/${repository === '' ? '' : `${repository}/`}${path}`, origin);
  if (host.namespace !== undefined) url.searchParams.append('ns', host.namespace);
  return url;
}

export function hasOwnTls({ tls }: RegistryHost): boolean {
  return tls.skipVerify === true || (tls.ca ?? []).length > 0 || (tls.client ?? []).length > 0;
}

/**
 * How TLS is spoken to `name` on behalf of this host. Where it sends us (storage, token servers) its authorities are trusted as well, as
 * for docker and containerd, but nobody else sees its client certificate or goes unverified.
 */
export function tlsOf({ origin, tls }: RegistryHost, name: string): HostTls {
  return name === origin.host ? tls : { ca: tls.ca };
}
