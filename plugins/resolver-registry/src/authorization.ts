import { quote } from '@slipway/oci';
import { isKind, redact, SlipwayError } from '@slipway/plugin-api';
import { parseChallenges } from './challenge.js';
import type { RegistryConfig } from './config.js';
import { basicAuthorization, type FoundCredential, secretsOf } from './credentials/credential.js';
import type { FindCredential } from './credentials/find-credential.js';
import { covers, type Scope, scopeKey } from './scopes.js';
import { settled } from './settled.js';
import { requestToken } from './token-request.js';
import type { HttpResponse, Transport } from './transport.js';

interface Grant {
  readonly scopes: readonly Scope[];
  /** Value of the Authorization header. */
  readonly header: string;
  /** On the clock of performance.now(). */
  readonly expiresAt: number;
}

/** What a request that was refused needs. */
export interface Access {
  readonly repository: string;
  readonly scopes: readonly Scope[];
  /** The header that was refused, if one was sent. */
  readonly refused: string | undefined;
}

/** Of the latest: tokens come and go. */
const maxSecrets = 256;

/** Seconds before its end at which a token is not used any more. */
const margin = 5;

/** What opens one registry: nothing, basic credentials, or a bearer token for each set of scopes, kept until it expires. */
export class Authorization {
  private readonly grants = new Map<string, Grant>();
  private readonly underWay = new Map<string, Promise<Grant>>();
  private readonly secrets = new Set<string>();
  private used: FoundCredential | undefined;

  constructor(
    private readonly registry: string,
    private readonly config: RegistryConfig,
    private readonly transport: Transport,
    private readonly find: FindCredential,
  ) {}

  /** The header to send at once, when an earlier answer asked for it. */
  headerFor(scopes: readonly Scope[]): string | undefined {
    for (const grant of this.grants.values())
      if (grant.expiresAt > performance.now() && covers(grant.scopes, scopes)) return grant.header;
    return undefined;
  }

  /**
   * Answers the challenge of a 401 of the registry itself. Afterwards {@link headerFor} has another header than the refused one. Requests that were
   * refused together get one token. Errors: `permission-denied`, those of looking credentials up.
   */
  async answer(challenged: HttpResponse, access: Access, signal?: AbortSignal): Promise<void> {
    const { scopes, refused } = access;
    const now = performance.now();
    for (const [key, { header, expiresAt }] of this.grants) if (header === refused || expiresAt <= now) this.grants.delete(key);
    if (this.headerFor(scopes) !== undefined) return;
    const key = scopeKey(scopes);
    const others = this.underWay.get(key);
    if (others !== undefined) {
      await settled('waiting for a token', others, signal);
      if (this.headerFor(scopes) !== undefined) return;
    }
    const grant = this.grant(challenged, access, signal);
    this.underWay.set(key, grant);
    try {
      this.grants.set(key, await grant);
    } finally {
      if (this.underWay.get(key) === grant) this.underWay.delete(key);
    }
  }

  forgetGrants(): void {
    this.grants.clear();
  }

  /** The error of a request that stays unauthorized. `says`: the registry's own words. */
  denied(says: string | undefined, cause?: unknown): SlipwayError {
    return new SlipwayError({
      kind: 'permission-denied',
      code: 'REGISTRY_UNAUTHORIZED',
      message: `registry ${quote(this.registry)} refuses access${says === undefined ? '' : `: ${this.conceal(says)}`}`,
      hint:
        this.used === undefined
          ? `check the image name; if it is private, log in (slipway login ${this.registry}), or set username and password in [plugin.resolver-registry.auth."${this.registry}"]`
          : `check username and password in ${this.used.source}, and what they may do in this repository; or log in anew (slipway login ${this.registry})`,
      cause,
    });
  }

  /** Takes our secrets out of what a registry says, should it repeat them. */
  conceal(text: string): string {
    let concealed = redact(text);
    // The longest first: a shorter one may be the beginning of it.
    for (const secret of [...this.secrets].toSorted((a, b) => b.length - a.length))
      concealed = concealed.replaceAll(secret, '***');
    return concealed;
  }

  /** More that {@link conceal} takes out. */
  hide(secrets: readonly string[]): void {
    this.remember(...secrets);
  }

  private async grant(challenged: HttpResponse, access: Access, signal: AbortSignal | undefined): Promise<Grant> {
    const { repository, scopes } = access;
    const challenges = parseChallenges(challenged.headers['www-authenticate']);
    this.used = await this.find(repository, signal);
    const credential = this.used?.credential;
    if (credential !== undefined) this.remember(...secretsOf(credential));
    const forEver = { scopes, expiresAt: Number.POSITIVE_INFINITY };
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (credential?.kind === 'registry-token') {
      if (bearer === undefined) throw this.denied('it takes no tokens');
      return { ...forEver, header: `Bearer ${credential.token}` };
    }
    if (bearer !== undefined) {
      const { value, lifetime } = await this.token({ challenge: bearer, from: challenged.url, scopes, credential, signal });
      return {
        scopes,
        header: `Bearer ${value}`,
        expiresAt: performance.now() + Math.max(lifetime - margin, lifetime / 2) * 1000,
      };
    }
    if (!challenges.some(({ scheme }) => scheme === 'basic'))
      throw this.denied(
        challenges.length === 0
          ? 'it names no way to authenticate'
          : `it wants ${challenges.map(({ scheme }) => quote(scheme)).join(' or ')}, which is not known here`,
      );
    if (credential === undefined) throw this.denied(undefined);
    if (credential.username === undefined) throw this.denied('it takes a user name and a password, and no identity token');
    const secret = credential.kind === 'password' ? credential.password : credential.token;
    return { ...forEver, header: basicAuthorization(credential.username, secret) };
  }

  private async token(
    asked: Omit<Parameters<typeof requestToken>[1], 'registry'>,
  ): Promise<Awaited<ReturnType<typeof requestToken>>> {
    const { config, transport } = this;
    try {
      const conceal = (text: string): string => this.conceal(text);
      const token = await requestToken({ config, transport, conceal }, { registry: this.registry, ...asked });
      this.remember(token.value);
      return token;
    } catch (error) {
      const codes = ['REGISTRY_UNAUTHORIZED', 'REGISTRY_NOT_FOUND', 'REGISTRY_REQUEST_REFUSED'];
      const isRefusal = isKind(error, 'permission-denied', 'not-found', 'invalid-argument');
      throw isRefusal && error instanceof SlipwayError && codes.includes(error.code) ? this.denied(error.message, error) : error;
    }
  }

  private remember(...secrets: readonly string[]): void {
    for (const secret of secrets.flatMap(spellingsOf)) {
      if (secret.length < 4) continue;
      this.secrets.delete(secret);
      this.secrets.add(secret);
    }
    for (const oldest of this.secrets) {
      if (this.secrets.size <= maxSecrets) break;
      this.secrets.delete(oldest);
    }
  }
}

/** As it is, in a URL, in a form and in JSON: servers repeat what they were asked with. */
function spellingsOf(secret: string): readonly string[] {
  const form = new URLSearchParams({ secret }).toString().slice('secret='.length);
  return [...new Set([secret, encodeURIComponent(secret), form, JSON.stringify(secret).slice(1, -1)])];
}
