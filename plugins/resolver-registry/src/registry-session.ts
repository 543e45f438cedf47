import type { SecureContext } from 'node:tls';
import { neutralize, quote } from '@slipway/oci';
import { isSlipwayError, SlipwayError } from '@slipway/plugin-api';
import { Authorization } from './authorization.js';
import { discard } from './bounded-body.js';
import type { RegistryConfig } from './config.js';
import { allowsPlainHttp, registryOrigin } from './hosts.js';
import { responseError } from './response-errors.js';
import { withRetries } from './retry.js';
import { pullScope, type Scope } from './scopes.js';
import { type HttpResponse, Transport } from './transport.js';
import { speaksTls } from './trust.js';

export interface RegistryRequest {
  readonly method: 'GET' | 'HEAD';
  readonly repository: string;
  /** Below `/v2/<repository>/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What a token must allow for this request. Unset: to pull from the repository. */
  readonly scopes?: readonly Scope[] | undefined;
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
    trust: () => Promise<SecureContext>,
  ) {
    ({ origin: this.origin, schemeIsGuess: this.schemeIsGuess } = registryOrigin(registry, config));
    this.transport = new Transport(config, userAgent, trust);
    this.authorization = new Authorization(registry, config, this.transport);
  }

  /** Sends, with retries, authentication and redirects. What comes back may be any status but these. Errors: `unavailable`, `permission-denied`, ... */
  send(request: RegistryRequest): Promise<HttpResponse> {
    return withRetries(request.signal, () => this.follow(request));
  }

  /** The error for an answer that is no success. */
  async failure(what: string, response: HttpResponse, signal: AbortSignal | undefined): Promise<SlipwayError> {
    const error = await responseError(what, response, { conceal: (text) => this.authorization.conceal(text), signal });
    return error.kind === 'permission-denied'
      ? this.authorization.denied(error.message, await this.authorization.hasLogin(), error)
      : error;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.transport[Symbol.asyncDispose]();
  }

  private async follow(request: RegistryRequest): Promise<HttpResponse> {
    const { method, repository, path, signal, scopes = [pullScope(repository)] } = request;
    const start = (): URL => new URL(`/v2/${repository}/${path}`, this.origin);
    let url = start();
    // False for good once a redirect has led elsewhere: what comes after it was chosen by someone else.
    let own = true;
    let answered = false;
    for (let hops = 0; ; ) {
      const authorization = own ? this.authorization.headerFor(scopes) : undefined;
      const headers = { ...request.headers, ...(authorization === undefined ? {} : { authorization }) };
      const response = await this.sendOnce({ method, url, headers, own, signal });
      if (response === 'try-https') {
        url = start();
      } else if (redirects.has(response.status)) {
        await discard(response);
        hops += 1;
        if (hops > maxRedirects) throw this.redirectRefused(url, `for the ${hops}th time, at most ${maxRedirects} are followed`);
        url = this.redirectTarget(url, response.headers.location);
        own = own && url.origin === this.origin.origin;
      } else if (response.status === 401 && own) {
        if (answered) throw await this.failure(`using the repository ${quote(repository)}`, response, signal);
        answered = true;
        await discard(response);
        await this.authorization.answer(response, scopes, signal);
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

  private redirectTarget(from: URL, location: string | undefined): URL {
    const target = location === undefined ? null : URL.parse(location, from.href);
    if (target === null) throw this.redirectRefused(from, 'without a usable Location');
    const to = `to ${quote(target.origin + neutralize(target.pathname))}`;
    if (target.username !== '' || target.password !== '') throw this.redirectRefused(from, `${to}, with a user name in the URL`);
    if (target.origin === from.origin || target.protocol === 'https:') return target;
    if (target.protocol !== 'http:') throw this.redirectRefused(from, `${to}, which is neither https nor http`);
    if (from.protocol === 'https:') throw this.redirectRefused(from, `${to}, from https to plain http`);
    if (!allowsPlainHttp(target, this.config)) throw this.redirectRefused(from, `${to}, which is plain http`);
    return target;
  }

  private redirectRefused(from: URL, why: string): SlipwayError {
    return new SlipwayError({
      kind: 'failed-precondition',
      code: 'REGISTRY_REDIRECT_REFUSED',
      message: `registry ${quote(this.registry)}: ${quote(from.host)} redirects ${why}`,
    });
  }
}
