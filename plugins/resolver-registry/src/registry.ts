import { quote } from '@slipway/oci';
import { hasCode, isKind, type Logger, SlipwayError } from '@slipway/plugin-api';
import type { RegistryConfig } from './config.js';
import { hostsOf } from './host-folder/registry-hosts.js';
import type { Capability, RegistryHost } from './registry-host.js';
import type { RegistrySession } from './registry-session.js';
import { remembered } from './remembered.js';

export interface RegistryContext {
  readonly config: RegistryConfig;
  readonly log: Pick<Logger, 'debug' | 'warn'>;
  readonly open: (host: RegistryHost) => RegistrySession;
}

/** Milliseconds for which a mirror that could not be reached is not asked again: each attempt takes as long as the retries do. */
const rest = 60_000;

/** A registry by its name in images: its mirrors and itself, each with a session of its own. */
export class Registry implements AsyncDisposable {
  private readonly sessions = new Map<RegistryHost, RegistrySession>();
  private readonly restsUntil = new Map<RegistryHost, number>();
  private readonly complained = new Set<string>();
  /** Read when the first request is made. */
  private readonly hosts = remembered(() => hostsOf(this.name, this.context.config, (message) => this.complain(message)));
  private closed = false;

  constructor(
    readonly name: string,
    private readonly context: RegistryContext,
  ) {}

  /**
   * Asks the servers that may be asked for this, one after the other until one has it. The error is that of the last: the registry itself knows
   * best what there is. Errors: `failed-precondition` when no server may be asked.
   */
  async first<T>(capability: Capability, use: (session: RegistrySession) => Promise<T>): Promise<T> {
    const hosts = (await this.hosts()).filter(({ capabilities }) => capabilities.has(capability));
    const last = hosts.at(-1);
    if (last === undefined) throw this.nobody(capability);
    for (const host of hosts) {
      if (host === last) break;
      if ((this.restsUntil.get(host) ?? 0) > performance.now()) continue;
      try {
        return await use(this.session(host));
      } catch (error) {
        if (isKind(error, 'canceled')) throw error;
        this.pass(host, error);
      }
    }
    return use(this.session(last));
  }

  /** The first server that takes what is pushed: what is begun there is not gone on with elsewhere. */
  async pushSession(): Promise<RegistrySession> {
    const host = (await this.hosts()).find(({ capabilities }) => capabilities.has('push'));
    if (host === undefined) throw this.nobody('push');
    return this.session(host);
  }

  /** The registry itself, no mirror. */
  async own(): Promise<RegistryHost> {
    const hosts = await this.hosts();
    return hosts.at(-1) ?? hosts[0];
  }

  /** Of the server of this name, whose credentials are others now. */
  forgetGrants(host: string): void {
    for (const [one, session] of this.sessions) {
      if (one.name !== host) continue;
      session.forgetGrants();
      this.restsUntil.delete(one);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    const sessions = [...this.sessions.values()];
    this.sessions.clear();
    await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()));
  }

  private session(host: RegistryHost): RegistrySession {
    if (this.closed)
      throw new SlipwayError({ kind: 'canceled', code: 'RESOLVER_CLOSED', message: 'the registry resolver is closed' });
    const session = this.sessions.get(host) ?? this.context.open(host);
    this.sessions.set(host, session);
    return session;
  }

  private pass(host: RegistryHost, error: unknown): void {
    const says = `mirror ${quote(host.name)} of ${quote(this.name)}: ${error instanceof Error ? error.message : String(error)}`;
    // A mirror that has only a part is what mirrors are.
    if (isKind(error, 'not-found') && !hasCode(error, 'REGISTRY_HOST_NOT_FOUND')) this.context.log.debug(says);
    else {
      this.restsUntil.set(host, performance.now() + rest);
      this.complain(`${says}; the next one is asked`);
    }
  }

  private complain(message: string): void {
    if (this.complained.has(message)) return;
    this.complained.add(message);
    this.context.log.warn(message);
  }

  private nobody(capability: Capability): SlipwayError {
    return new SlipwayError({
      kind: 'failed-precondition',
      code: 'REGISTRY_NO_HOST',
      message: `no server of registry ${quote(this.name)} has the capability ${quote(capability)}`,
      hint: `correct "capabilities" in the hosts.toml for ${quote(this.name)}`,
    });
  }
}
