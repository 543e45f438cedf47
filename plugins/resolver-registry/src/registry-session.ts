import { neutralize, quote } from '@slipway/oci';
import { isSlipwayError, SlipwayError } from '@slipway/plugin-api';
import { Authorization } from './authorization.js';
import { discard } from './bounded-body.js';
import { parseChallenges } from './challenge.js';
import type { RegistryConfig } from './config.js';
import type { FindCredential } from './credentials/find-credential.js';
import { allowsPlainHttp } from './hosts.js';
import { RangeSlots } from './range-slots.js';
import { type RegistryHost, requestUrl } from './registry-host.js';
import { responseError } from './response-errors.js';
import { withRetries } from './retry.js';
import { pullScope, type Scope } from './scopes.js';
import { type HttpMethod, type HttpResponse, type RequestBody, Transport } from './transport.js';
import { speaksTls, type TlsFor } from './trust.js';
import type { Warnings } from './warnings.js';

export interface RegistryRequest {
  readonly method: HttpMethod;
  readonly repository: string;
  /** Below `/v2/<repository>/`, or below `/v2/` where the repository is empty; or where an answer led to ({@link RegistrySession.locationOf}): another origin gets no credentials. */
  readonly path: string | URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Nobody but the image says that this is to be asked: no credentials, not even at the registry's own origin, and no answer to a challenge. */
  readonly anonymous?: boolean | undefined;
  /** What a token must allow for this request. Unset: to pull from the repository. */
  readonly scopes?: readonly Scope[] | undefined;
  readonly body?: RequestBody | undefined;
  readonly signal?: AbortSignal | undefined;
}

const maxRedirects = 10;
/** With the next server at hand there is no need to be patient. */
const mirrorAttempts = 2;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What a 401 is about that a new token did not help: the account may do less than was asked for (RFC 6750, section 3.1). */
function deniedUse({ repository }: RegistryRequest, scopes: readonly Scope[], response: HttpResponse): string {
  if (repository === '') return 'checking the credentials';
  const bearer = parseChallenges(response.headers['www-authenticate']).find(({ scheme }) => scheme === 'bearer');
  const lacks = bearer?.parameters.get('error') === 'insufficient_scope';
  return `using the repository ${quote(repository)}${lacks ? ` (${scopes.join(' ')})` : ''}`;
}

/** What all sessions work with, and what opens this one. */
export interface SessionContext {
  readonly config: RegistryConfig;
  readonly userAgent: string;
  readonly tlsFor: TlsFor;
  readonly warnings: Warnings;
  readonly find: FindCredential;
}

/** One server of a registry: where it is, how to speak to it, and what opens it. */
export class RegistrySession implements AsyncDisposable {
  private origin: URL;
  /** Http was chosen for the loopback address alone: TLS is tried should http make no sense. */
  private schemeIsGuess: boolean;
  private readonly transport: Transport;
  private readonly authorization: Authorization;
  readonly ranges: RangeSlots;

  private readonly config: RegistryConfig;
  private readonly warnings: Warnings;

  constructor(
    private readonly host: RegistryHost,
    { config, userAgent, tlsFor, warnings, find }: SessionContext,
  ) {
    ({ origin: this.origin, schemeIsGuess: this.schemeIsGuess } = host);
    this.config = config;
    this.warnings = warnings;
    this.ranges = new RangeSlots(config);
    this.transport = new Transport(config, userAgent, tlsFor);
    this.authorization = new Authorization(host.name, config, this.transport, find);
    // `Basic` and the like are not secret, what stands behind them is.
    this.authorization.hide(Object.values(host.headers).flatMap((value) => [value, ...value.split(' ').slice(1)]));
  }

  /** `host[:port]`: the registry, or the mirror that stands for it. */
  get registry(): string {
    return this.host.name;
  }

  /** True for a server that stands for a registry and may have only a part of what that has. */
  get isMirror(): boolean {
    return this.host.namespace !== undefined;
  }

  /** Sends, with retries, authentication and redirects. What comes back may be any status but these. Errors: `unavailable`, `permission-denied`, ... */
  send(request: RegistryRequest): Promise<HttpResponse> {
    return withRetries(request.signal, () => this.attempt(request), this.host.isMirror ? mirrorAttempts : undefined);
  }

  /** Where an answer says that the next request is to go. Errors: `failed-precondition` for what may not be followed. */
  locationOf(response: HttpResponse, location = response.headers.location): URL {
    return this.target(response.url, location, 'sends us');
  }

  /** True when an answer came from the registry itself, not from where it sent us. */
  isOwn(response: HttpResponse): boolean {
    return response.url.origin === this.origin.origin;
  }

  /** The error for an answer that is no success. */
  async failure(what: string, response: HttpResponse, signal: AbortSignal | undefined): Promise<SlipwayError> {
    const error = await responseError(what, response, { conceal: (text) => this.authorization.conceal(text), signal });
    return error.kind === 'permission-denied' ? this.authorization.denied(error.message, error) : error;
  }

  /** The next request is challenged anew. */
  forgetGrants(): void {
    this.authorization.forgetGrants();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.transport[Symbol.asyncDispose]();
  }

  /** As {@link send}, once: for who must begin elsewhere after a failure. */
  async attempt(request: RegistryRequest): Promise<HttpResponse> {
    const { method, repository, path, body, signal, scopes = [pullScope(repository)] } = request;
    const start = (): URL => (typeof path === 'string' ? requestUrl(this.host, this.origin, repository, path) : path);
    let url = start();
    // False for good once we were led elsewhere: what comes after that was chosen by someone else.
    let own = request.anonymous !== true && url.origin === this.origin.origin;
    let answered = false;
    for (let hops = 0; ; ) {
      const authorization = own ? this.authorization.headerFor(scopes) : undefined;
      const headers = {
        ...request.headers,
        ...(own ? this.host.headers : {}),
        ...(authorization === undefined ? {} : { authorization }),
      };
      const response = await this.sendOnce({ method, url, headers, body, own, signal });
      if (response === 'try-https') {
        url = start();
      } else if (redirects.has(response.status)) {
        await discard(response);
        hops += 1;
        if (hops > maxRedirects) throw this.redirectRefused(url, `for the ${hops}th time, at most ${maxRedirects} are followed`);
        // The others make a GET of anything (RFC 9110, section 15.4), which is nothing that was asked for.
        if (method !== 'GET' && method !== 'HEAD' && response.status < 307)
          throw this.redirectRefused(url, `a ${method} with status ${response.status}`);
        url = this.target(url, response.headers.location, 'redirects');
        own = own && url.origin === this.origin.origin;
      } else if (response.status === 401 && own) {
        if (answered) throw await this.failure(deniedUse(request, scopes, response), response, signal);
        answered = true;
        await discard(response);
        await this.authorization.answer(response, { repository, scopes, refused: authorization }, signal);
        url = start();
      } else {
        return response;
      }
    }
  }

  private async sendOnce(request: Parameters<Transport['send']>[0]): Promise<HttpResponse | 'try-https'> {
    const guessed = request.own && this.schemeIsGuess;
    try {
      const response = await this.transport.send(request);
      if (request.own) this.warnings.heed(this.registry, response.headers['warning'], (text) => this.authorization.conceal(text));
      // 400 is what Go's servers answer to plain http on a TLS port.
      if (guessed && response.status === 400 && (await this.settleOnTls(request.signal))) {
        await discard(response);
        return 'try-https';
      }
      if (guessed) this.schemeIsGuess = false;
      return response;
    } catch (error) {
      const senseless =
        isSlipwayError(error) && (error.code === 'REGISTRY_CONNECTION_RESET' || error.code === 'REGISTRY_NOT_HTTP');
      if (guessed && senseless && (await this.settleOnTls(request.signal))) return 'try-https';
      throw error;
    }
  }

  private async settleOnTls(signal: AbortSignal | undefined): Promise<boolean> {
    if (!(await speaksTls(this.origin, signal))) return false;
    this.origin = new URL(`https://${this.origin.host}`);
    this.schemeIsGuess = false;
    return true;
  }

  private target(from: URL, location: string | undefined, verb: string): URL {
    const target = location === undefined ? null : URL.parse(location, from.href);
    const refused = (why: string): SlipwayError => this.redirectRefused(from, why, verb);
    if (target === null) throw refused('without a usable Location');
    const to = `to ${quote(target.origin + neutralize(target.pathname))}`;
    if (target.username !== '' || target.password !== '') throw refused(`${to}, with a user name in the URL`);
    if (target.origin === from.origin || target.protocol === 'https:') return target;
    if (target.protocol !== 'http:') throw refused(`${to}, which is neither https nor http`);
    if (from.protocol === 'https:') throw refused(`${to}, from https to plain http`);
    if (!allowsPlainHttp(target, this.config)) throw refused(`${to}, which is plain http`);
    return target;
  }

  private redirectRefused(from: URL, why: string, verb = 'redirects'): SlipwayError {
    return new SlipwayError({
      kind: 'failed-precondition',
      code: 'REGISTRY_REDIRECT_REFUSED',
      message: this.authorization.conceal(`registry ${quote(this.registry)}: ${quote(from.host)} ${verb} ${why}`),
      hint: 'the registry is set up wrongly or wants what it may not: ask who runs it',
    });
  }
}
