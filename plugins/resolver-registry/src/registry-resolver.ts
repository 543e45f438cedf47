import { readFileSync } from 'node:fs';
import { formatReference, parseReference } from '@slipway/oci';
import {
  type Fetcher,
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
import { resolveManifest } from './manifest-resolution.js';
import { RegistrySession } from './registry-session.js';
import { type TlsFor, trustOf } from './trust.js';

/** Resolves and fetches over the OCI distribution protocol. Holds connections and tokens of each registry until disposed. */
@injectable()
export class RegistryResolver implements Resolver, AsyncDisposable {
  private readonly sessions = new Map<string, RegistrySession>();
  private readonly tlsFor: TlsFor;
  private userAgent: string | undefined;
  private closed = false;

  constructor(@inject(tokens.config) private readonly config: RegistryConfig) {
    this.tlsFor = trustOf(config.ca);
  }

  async resolve(name: string, options: ResolveOptions = {}): Promise<ResolvedName> {
    const reference = parseReference(name);
    const descriptor = await resolveManifest(this.session(reference.registry), reference, options.signal);
    const resolved = { name: formatReference(reference), descriptor };
    step('resolve.resolved', { name: resolved.name, digest: descriptor.digest });
    return resolved;
  }

  fetcher(name: string): Fetcher {
    const { registry, repository } = parseReference(name);
    return {
      fetch: async (descriptor, options = {}) =>
        fetchContent(this.session(registry), repository, descriptor, options.offset ?? 0, options.signal),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    const sessions = [...this.sessions.values()];
    this.sessions.clear();
    await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()));
  }

  private session(registry: string): RegistrySession {
    if (this.closed)
      throw new SlipwayError({ kind: 'canceled', code: 'RESOLVER_CLOSED', message: 'the registry resolver is closed' });
    const known = this.sessions.get(registry);
    if (known !== undefined) return known;
    this.userAgent ??= `slipway/${ownVersion()}`;
    const session = new RegistrySession(registry, this.config, this.userAgent, this.tlsFor);
    this.sessions.set(registry, session);
    return session;
  }
}

function ownVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}
