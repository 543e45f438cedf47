import { quote } from '@slipway/oci';
import { isKind, redact, SlipwayError } from '@slipway/plugin-api';
import { discard, readBounded } from './bounded-body.js';
import { type Challenge, parseChallenges } from './challenge.js';
import type { RegistryConfig } from './config.js';
import { basicAuthorization, type Login, loginFor } from './credentials.js';
import { allowsPlainHttp } from './hosts.js';
import { responseError } from './response-errors.js';
import { covers, type Scope, scopeKey } from './scopes.js';
import type { HttpResponse, Transport } from './transport.js';

interface Grant {
  readonly scopes: readonly Scope[];
  /** Value of the Authorization header. */
  readonly header: string;
  /** On the clock of performance.now(). */
  readonly expiresAt: number;
}

const maxTokenAnswer = 64 * 1024;
/** Seconds a token counts when its answer does not say (distribution's token specification), and the longest we believe. */
const defaultLifetime = 60;
const maxLifetime = 3600;
/** Seconds before its end at which a token is not used any more. */
const margin = 5;

/** What opens one registry: nothing, basic credentials, or a bearer token for each set of scopes, kept until it expires. */
export class Authorization {
  private readonly grants = new Map<string, Grant>();
  private readonly secrets = new Set<string>();

  constructor(
    private readonly registry: string,
    private readonly config: RegistryConfig,
    private readonly transport: Transport,
  ) {}

  /** The header to send at once, when an earlier answer asked for it. */
  headerFor(scopes: readonly Scope[]): string | undefined {
    return this.grantFor(scopes)?.header;
  }

  /** Answers the challenge of a 401 of the registry itself. Afterwards {@link headerFor} has a new header. Errors: `permission-denied`. */
  async answer(challenged: HttpResponse, scopes: readonly Scope[], signal?: AbortSignal): Promise<void> {
    for (const [key, grant] of this.grants) if (covers(grant.scopes, scopes)) this.grants.delete(key);
    const challenges = parseChallenges(challenged.headers['www-authenticate']);
    const login = await loginFor(this.registry, this.config);
    if (login !== undefined) this.remember(login.password, basicAuthorization(login));
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) {
      this.grants.set(scopeKey(scopes), await this.fetchToken(bearer, challenged.url, scopes, login, signal));
      return;
    }
    if (challenges.some(({ scheme }) => scheme === 'basic') && login !== undefined) {
      this.grants.set(scopeKey(scopes), { scopes, header: basicAuthorization(login), expiresAt: Number.POSITIVE_INFINITY });
      return;
    }
    throw this.denied(challenges.length === 0 ? 'it names no way to authenticate' : undefined, login !== undefined);
  }

  /** The error of a request that stays unauthorized. `says`: the registry's own words. */
  denied(says: string | undefined, hadCredentials: boolean, cause?: unknown): SlipwayError {
    return new SlipwayError({
      kind: 'permission-denied',
      code: 'REGISTRY_UNAUTHORIZED',
      message: `registry ${quote(this.registry)} refuses access${says === undefined ? '' : `: ${this.conceal(says)}`}`,
      hint: hadCredentials
        ? `check username and password in [plugin.resolver-registry.auth."${this.registry}"], and that they may pull this repository`
        : `check the image name; if it is private, set username and password in [plugin.resolver-registry.auth."${this.registry}"]`,
      cause,
    });
  }

  /** True when credentials are configured for this registry. */
  async hasLogin(): Promise<boolean> {
    return (await loginFor(this.registry, this.config)) !== undefined;
  }

  /** Takes our secrets out of what a registry says, should it repeat them. */
  conceal(text: string): string {
    let concealed = redact(text);
    for (const secret of this.secrets) concealed = concealed.replaceAll(secret, '***');
    return concealed;
  }

  private grantFor(scopes: readonly Scope[]): Grant | undefined {
    for (const grant of this.grants.values())
      if (grant.expiresAt > performance.now() && covers(grant.scopes, scopes)) return grant;
    return undefined;
  }

  private remember(...secrets: readonly string[]): void {
    for (const secret of secrets) if (secret.length >= 4) this.secrets.add(secret);
  }

  private async fetchToken(
    bearer: Challenge,
    from: URL,
    scopes: readonly Scope[],
    login: Login | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Grant> {
    const realm = this.checkRealm(bearer.parameters.get('realm') ?? '', from);
    const service = bearer.parameters.get('service');
    if (service !== undefined) realm.searchParams.set('service', service);
    // Our own scope, not the challenge's: a registry has no say in what we ask its token server for.
    realm.searchParams.delete('scope');
    for (const scope of scopes) realm.searchParams.append('scope', scope);
    const response = await this.transport.send({
      method: 'GET',
      url: realm,
      headers: { accept: 'application/json', ...(login === undefined ? {} : { authorization: basicAuthorization(login) }) },
      own: realm.origin === from.origin,
      signal,
    });
    if (response.status >= 300 && response.status < 400) {
      await discard(response);
      throw this.realmRefused(realm, 'redirects, which a token server must not');
    }
    if (response.status !== 200) {
      const error = await responseError(`asking for a token at ${quote(realm.host)}`, response, {
        conceal: (text) => this.conceal(text),
        signal,
      });
      throw isKind(error, 'permission-denied', 'not-found', 'invalid-argument')
        ? this.denied(error.message, login !== undefined, error)
        : error;
    }
    const bytes = await readBounded(response, maxTokenAnswer, 'REGISTRY_TOKEN_TOO_LARGE', signal);
    return { scopes, ...this.readToken(bytes, realm) };
  }

  private checkRealm(text: string, from: URL): URL {
    const realm = URL.parse(text);
    if (realm === null) throw this.realmRefused(quote(text), 'is no absolute URL');
    if (realm.username !== '' || realm.password !== '') throw this.realmRefused(realm, 'has a user name in its URL');
    if (realm.protocol === 'https:') return realm;
    if (realm.protocol !== 'http:') throw this.realmRefused(realm, 'is neither https nor http');
    if (from.protocol === 'https:') throw this.realmRefused(realm, 'is plain http, though the registry speaks https');
    if (!allowsPlainHttp(realm, this.config)) throw this.realmRefused(realm, 'is plain http');
    return realm;
  }

  private realmRefused(realm: URL | string, why: string): SlipwayError {
    const shown = typeof realm === 'string' ? realm : quote(realm.origin + realm.pathname);
    return new SlipwayError({
      kind: 'permission-denied',
      code: 'REGISTRY_REALM_REFUSED',
      message: `registry ${quote(this.registry)} sends us for a token to ${shown}, which ${why}; no credentials were sent there`,
    });
  }

  private readToken(bytes: Buffer, realm: URL): Omit<Grant, 'scopes'> {
    let answer: unknown;
    try {
      answer = JSON.parse(bytes.toString('utf8'));
    } catch {
      answer = undefined;
    }
    const members: Readonly<Record<string, unknown>> = typeof answer === 'object' && answer !== null ? { ...answer } : {};
    const value = members['token'] || members['access_token'];
    // b64token of RFC 6750, which also keeps line breaks out of the header.
    if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value))
      throw new SlipwayError({
        kind: 'permission-denied',
        code: 'REGISTRY_TOKEN_INVALID',
        message: `the token server ${quote(realm.host)} of registry ${quote(this.registry)} answered without a usable token`,
      });
    const stated = members['expires_in'];
    const lifetime = typeof stated === 'number' && stated > 0 ? Math.min(stated, maxLifetime) : defaultLifetime;
    this.remember(value);
    return { header: `Bearer ${value}`, expiresAt: performance.now() + Math.max(lifetime - margin, lifetime / 2) * 1000 };
  }
}
