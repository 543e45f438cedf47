import { readFileSync } from 'node:fs';
import { formatReference, parseReference } from '@slipway/oci';
import {
  type Descriptor,
  type Digest,
  type Fetcher,
  type Logger,
  type LoginResult,
  type Pusher,
  type ReferrersOptions,
  type RegistryCredentials,
  type ResolvedName,
  type ResolveOptions,
  type Resolver,
  SlipwayError,
  step,
  tokens,
} from '@slipway/plugin-api';
import { inject, injectable } from 'tsyringe';
import type { RegistryConfig } from './config.js';
import { fetchContent } from './content-fetch.js';
import { type FindCredential, findCredential } from './credentials/find-credential.js';
import { lazyPusher } from './lazy-pusher.js';
import { resolveManifest } from './manifest-resolution.js';
import { Registry } from './registry.js';
import { hasOwnTls, type RegistryHost, tlsOf } from './registry-host.js';
import { registryName } from './registry-name.js';
import { RegistrySession } from './registry-session.js';
import { type TlsFor, trustOf } from './trust.js';
import { Warnings } from './warnings.js';

/** Resolves and fetches over the OCI distribution protocol. Holds connections and tokens of each registry until disposed. */
@injectable()
export class RegistryResolver implements Resolver, AsyncDisposable {
  private readonly registries = new Map<string, Registry>();
  private readonly tlsFor: TlsFor;
  private readonly warnings: Warnings;
  private userAgent: string | undefined;
  private closed = false;

  constructor(
    @inject(tokens.config) private readonly config: RegistryConfig,
    @inject(tokens.log) private readonly log: Logger,
  ) {
    this.warnings = new Warnings((message) => log.warn(message));
    this.tlsFor = trustOf(config.ca);
  }

  async resolve(name: string, options: ResolveOptions = {}): Promise<ResolvedName> {
    const reference = parseReference(name);
    const descriptor = await this.registry(reference.registry).first('resolve', (session) =>
      resolveManifest(session, reference, options.signal),
    );
    const resolved = { name: formatReference(reference), descriptor };
    step('resolve.resolved', { name: resolved.name, digest: descriptor.digest });
    return resolved;
  }

  fetcher(name: string): Fetcher {
    const { registry, repository } = parseReference(name);
    return {
      fetch: async (descriptor, options = {}) =>
        this.registry(registry).first('pull', (session) =>
          fetchContent(session, repository, descriptor, options.offset ?? 0, options.signal),
        ),
    };
  }

  pusher(name: string): Pusher {
    const reference = parseReference(name);
    return lazyPusher(async () => {
      const { RegistryPusher } = await import('./pusher.js');
      return new RegistryPusher(() => this.registry(reference.registry).pushSession(), reference);
    });
  }

  async referrers(name: string, subject: Digest, options: ReferrersOptions = {}): Promise<readonly Descriptor[]> {
    const { registry, repository } = parseReference(name);
    const { listReferrers } = await import('./referrers.js');
    return this.registry(registry).first('resolve', (session) =>
      listReferrers({ session, repository }, subject, options.artifactType, options.signal),
    );
  }

  async login(host: string, credentials: RegistryCredentials, options: ResolveOptions = {}): Promise<LoginResult> {
    const name = registryName(host);
    const { login, ownOf } = await import('./login.js');
    const open = async (find: FindCredential): Promise<RegistrySession> =>
      this.open(ownOf(name, await this.registry(name).own()), find);
    const result = await login(name, credentials, open, this.config, options.signal);
    this.forgetGrants(name);
    return result;
  }

  async logout(host: string): Promise<LoginResult> {
    const name = registryName(host);
    const { logout } = await import('./login.js');
    const result = await logout(name, this.config);
    this.forgetGrants(name);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    const registries = [...this.registries.values()];
    this.registries.clear();
    await Promise.all(registries.map((registry) => registry[Symbol.asyncDispose]()));
  }

  /** What was granted to other credentials, or to none. */
  private forgetGrants(host: string): void {
    for (const registry of this.registries.values()) registry.forgetGrants(host);
  }

  private registry(name: string): Registry {
    if (this.closed)
      throw new SlipwayError({ kind: 'canceled', code: 'RESOLVER_CLOSED', message: 'the registry resolver is closed' });
    const { config, log } = this;
    const registry = this.registries.get(name) ?? new Registry(name, { config, log, open: (host) => this.open(host) });
    this.registries.set(name, registry);
    return registry;
  }

  /** @param find what opens it; unset: what is kept for exactly this host and port */
  private open(host: RegistryHost, find?: FindCredential): RegistrySession {
    const { config, warnings } = this;
    this.userAgent ??= `slipway/${ownVersion()}`;
    return new RegistrySession(host, {
      config,
      warnings,
      userAgent: this.userAgent,
      tlsFor: hasOwnTls(host) ? trustOf(config.ca, (name) => tlsOf(host, name)) : this.tlsFor,
      find: find ?? ((repository, signal) => findCredential(host.name, repository, config, signal)),
    });
  }
}

function ownVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}
