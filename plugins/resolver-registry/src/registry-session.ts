import { neutralize, quote } from '@slipway/oci';
import { isSlipwayError, SlipwayError } from '@slipway/plugin-api';
import { Authorization } from './authorization.js';
import { discard } from './bounded-body.js';
import type { RegistryConfig } from './config.js';
import { findCredential } from './credentials/find-credential.js';
import { allowsPlainHttp, registryOrigin } from './hosts.js';
import { responseError } from './response-errors.js';
import { withRetries } from './retry.js';
import { pullScope, type Scope } from './scopes.js';
import { type HttpMethod, type HttpResponse, type RequestBody, Transport } from './transport.js';
import { speaksTls, type TlsFor } from './trust.js';

export interface RegistryRequest {
  readonly method: HttpMethod;
  readonly repository: string;
  /** Below `/v2/<repository>/`; or where an answer led to ({@link RegistrySession.locationOf}): another origin gets no credentials. */
  readonly path: string | URL;
  readonly headers: Readonly<Record<string, string>>;
  /** What a token must allow for this request. Unset: to pull from the repository. */
  readonly scopes?: readonly Scope[] | undefined;
  readonly body?: RequestBody | undefined;
  readonly signal?: AbortSignal | undefined;
}

const maxRedirects = 10;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** One registry: where it is, how to speak to it, and what opens it. */
export class RegistrySession implements AsyncDisposable {
  private origin: URL;
  /** Http was chosen for the loopback address alone: TLS is tried should http make no sense. */
  private schemeIsGuess: boolean;
  private readonly transport: Transport;
  private readonly authorization: Authorization;

  constructor(
    readonly registry: string,
    private readonly config: RegistryConfig,
    userAgent: string,
    tlsFor: TlsFor,
  ) {
    ({ origin: this.origin, schemeIsGuess: this.schemeIsGuess } = registryOrigin(registry, config));
    this.transport = new Transport(config, userAgent, tlsFor);
    this.authorization = new Authorization(registry, config, this.transport, (repository, signal) =>
      findCredential(registry, repository, config, signal),
    );
  }

  /** Sends, with retries, authentication and redirects. What comes back may be any status but these. Errors: `unavailable`, `permission-denied`, ... */
  send(request: RegistryRequest): Promise<HttpResponse> {
    return withRetries(request.signal, () => this.attempt(request));
  }

  /** Where an answer says that the next request is to go. Errors: `failed-precondition` for what may not be followed. */
  locationOf(response: HttpResponse): URL {
    return this.target(response.url, response.headers.location, 'sends us');
  }

  /** The error for an answer that is no success. */
  async failure(what: string, response: HttpResponse, signal: AbortSignal | undefined): Promise<SlipwayError> {
    const error = await responseError(what, response, { conceal: (text) => this.authorization.conceal(text), signal });
    return error.kind === 'permission-denied'
      ? this.authorization.denied(error.message, error)
      : error;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.transport[Symbol.asyncDispose]();
  }

  /** As {@link send}, once: for who must begin elsewhere after a failure. */
  async attempt(request: RegistryRequest): Promise<HttpResponse> {
    const { method, repository, path, body, signal, scopes = [pullScope(repository)] } = request;
    const start = (): URL => (typeof path === 'string' ? new URL(`/v2/${repository}/${path}`, this.origin) : path);
    let url = start();
    // False for good once we were led elsewhere: what comes after that was chosen by someone else.
    let own = url.origin === this.origin.origin;
    let answered = false;
    for (let hops = 0; ; ) {
      const authorization = own ? this.authorization.headerFor(scopes) : undefined;
      const headers = { ...request.headers, ...(authorization === undefined ? {} : { authorization }) };
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
        if (answered) throw await this.failure(`using the repository ${quote(repository)}`, response, signal);
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
    this.origin = new URL(`https://${this.registry}`);
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
      message: `registry ${quote(this.registry)}: ${quote(from.host)} ${verb} ${why}`,
    });
  }
}
