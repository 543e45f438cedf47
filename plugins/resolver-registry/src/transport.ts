import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { quote } from '@slipway/oci';
import { SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import type { Dispatcher } from 'undici';
import { isPublicAddress, plainAddress } from './addresses.js';
import type { RegistryConfig } from './config.js';
import { connectTimeout, guardedConnector, openConnector, refused } from './connector.js';
import { bareHost, ownEntry } from './hosts.js';
import { Pools } from './pools.js';
import { type HttpProxy, type ProxyFor, proxiesOf } from './proxy.js';
import { remembered } from './remembered.js';
import { transportError } from './transport-errors.js';
import type { TlsFor } from './trust.js';
import { proxyRefused, tunnelling } from './tunnel.js';

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Bytes to send: those of `read`, which is called for each attempt and begins anew; `length` of them, or the attempt fails. */
export interface RequestBody {
  readonly length: number;
  read(): AsyncIterable<Uint8Array>;
}

export interface HttpRequest {
  readonly method: HttpMethod;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody | undefined;
  /** True for the registry itself, which the user named: it may be on any address. */
  readonly own: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Dispatcher.ResponseData['body'];
  /** When a document must have come whole, on the clock of performance.now(). Layers have no such end. */
  readonly deadline: number;
}

type Options = Dispatcher.RequestOptions & { highWaterMark: number };

interface Loaded {
  readonly own: Pools;
  readonly guarded: Pools;
  /** Connects to proxies, for plain http. */
  readonly proxies: Pools;
  readonly proxyFor: ProxyFor;
  readonly request: (dispatcher: Dispatcher, options: Options) => Promise<Dispatcher.ResponseData>;
}

interface Route {
  readonly pools: Pools;
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly proxy?: HttpProxy | undefined;
}

const verbs: Readonly<Record<HttpMethod, string>> = {
  GET: 'reading from',
  HEAD: 'asking',
  POST: 'asking',
  PUT: 'sending to',
  PATCH: 'sending to',
  DELETE: 'asking',
};

const maxHeaderSize = 64 * 1024;
/** So many idle timeouts a document may take: one that comes byte by byte is never idle. */
const documentPatience = 2;
const bodyBuffer = 1024 * 1024;
/** Registries over an object store copy a blob before they answer to its last request. */
const putPatience = 4;

/**
 * Connections to one registry and to where it sends us. The address of every host that the registry chose (redirect
 * target, token realm) must be public or one at which the registry itself was reached, or be allowed by configuration.
 */
export class Transport implements AsyncDisposable {
  private readonly load = remembered(() => this.loadClient());
  private isLoaded = false;
  private closed = false;
  private readonly ownAddresses = new Set<string>();

  constructor(
    private readonly config: RegistryConfig,
    private readonly userAgent: string,
    private readonly tlsFor: TlsFor,
  ) {}

  async send(request: HttpRequest): Promise<HttpResponse> {
    const { url, method, signal } = request;
    const what = `${verbs[method]} ${quote(url.host)}`;
    throwIfAborted(what, signal);
    if (this.closed)
      throw new SlipwayError({ kind: 'canceled', code: 'RESOLVER_CLOSED', message: `${what}: the resolver was closed` });
    this.isLoaded = true;
    // undici's clock starts anew with each informational answer (103), and those have no end.
    const late = new AbortController();
    const bodyTimeout = this.config.idle_timeout * 1000;
    const headersTimeout = bodyTimeout * (method === 'PUT' ? putPatience : 1);
    const deadline = setTimeout(() => late.abort(noAnswer()), connectTimeout + headersTimeout);
    try {
      const loaded = await this.load();
      const { pools, origin, path, headers, proxy } = this.route(loaded, request);
      const response = await loaded.request(pools.of(origin), {
        origin,
        path,
        method,
        // A content coding would make offsets and sizes those of other bytes than the digest's.
        headers: {
          'user-agent': this.userAgent,
          'accept-encoding': 'identity',
          ...request.headers,
          ...lengthOf(request),
          ...headers,
        },
        body: request.body === undefined || request.body.length === 0 ? null : bodyOf(request.body, deadline),
        signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
        headersTimeout,
        bodyTimeout,
        highWaterMark: bodyBuffer,
      });
      // A body that is given up reports that as an error, also when nobody reads it any more.
      response.body.on('error', () => undefined);
      if (proxy !== undefined && response.statusCode === 407) {
        response.body.destroy();
        throw proxyRefused(proxy, url.host, 407);
      }
      return {
        url,
        status: response.statusCode,
        headers: response.headers,
        body: response.body,
        deadline: performance.now() + documentPatience * this.config.idle_timeout * 1000,
      };
    } catch (error) {
      throw transportError(what, error, signal);
    } finally {
      clearTimeout(deadline);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    if (!this.isLoaded) return;
    const loaded = await this.load().catch(() => undefined);
    await Promise.all([loaded?.own.destroy(), loaded?.guarded.destroy(), loaded?.proxies.destroy()]);
  }

  private async loadClient(): Promise<Loaded> {
    const { buildConnector: build, Pool: PoolOf, undiciApi: api } = await import('./undici-library.js');
    const { tlsFor } = this;
    const open = openConnector(build, tlsFor, (address) => this.ownAddresses.add(plainAddress(address)));
    const guarded = guardedConnector(build, tlsFor, (host, address) => this.mayConnect(host, address));
    const toProxies = openConnector(build, tlsFor, () => undefined);
    const proxyFor = proxiesOf(process.env);
    const connectorOf = (direct: typeof open, own: boolean): typeof open =>
      tunnelling(build, direct, tlsFor, proxyFor, (url) => this.checkProxied(url, own));
    return {
      own: new Pools((origin) => new PoolOf(origin, { connect: connectorOf(open, true), maxHeaderSize })),
      guarded: new Pools((origin) => new PoolOf(origin, { connect: connectorOf(guarded, false), maxHeaderSize })),
      proxies: new Pools((origin) => new PoolOf(origin, { connect: toProxies, maxHeaderSize })),
      proxyFor,
      request: (dispatcher, options) => api.request.call(dispatcher, options),
    };
  }

  /** Over TLS a proxy is gone through by the connector; in plain http it is asked for the whole URL (RFC 9112, section 3.2.2). */
  private route(loaded: Loaded, { url, own }: HttpRequest): Route {
    const direct = { pools: own ? loaded.own : loaded.guarded, origin: url.origin, path: url.pathname + url.search, headers: {} };
    const proxy = url.protocol === 'http:' ? loaded.proxyFor(url) : undefined;
    if (proxy === undefined) return direct;
    this.checkProxied(url, own);
    const authorization = proxy.authorization === undefined ? {} : { 'proxy-authorization': proxy.authorization };
    const headers = { host: url.host, ...authorization };
    return { pools: loaded.proxies, origin: proxy.url.origin, path: url.origin + direct.path, headers, proxy };
  }

  /**
   * Through a proxy only the host of the URL can be looked at: the proxy resolves names, in a network that may have other answers than ours, and
   * what it reaches is for it to say.
   */
  private checkProxied(url: URL, own: boolean): void {
    const literal = bareHost(url.hostname);
    // These names are loopback everywhere (RFC 6761, section 6.3), also at the proxy.
    if (!own && /(?:^|\.)localhost\.?$/.test(literal) && !this.mayConnect(url.host, '127.0.0.1'))
      throw refused(url.host, literal);
    if (isIP(literal) === 0) return;
    if (own) this.ownAddresses.add(plainAddress(literal));
    else if (!this.mayConnect(url.host, literal)) throw refused(url.host, literal);
  }

  private mayConnect(host: string, address: string): boolean {
    if (isPublicAddress(address) || this.ownAddresses.has(plainAddress(address))) return true;
    return ownEntry(this.config.hosts, host)?.allow_private_address === true;
  }
}

function lengthOf({ method, body }: HttpRequest): Record<string, string> {
  // A POST without a body has a length, too (RFC 9110, section 8.6); there are servers that insist.
  if (body === undefined) return method === 'POST' || method === 'PUT' || method === 'PATCH' ? { 'content-length': '0' } : {};
  return { 'content-length': String(body.length) };
}

/** The wait for the answer begins anew with each piece that is taken. */
function bodyOf(body: RequestBody, deadline: NodeJS.Timeout): Readable {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of body.read()) {
      deadline.refresh();
      yield piece;
    }
    deadline.refresh();
  }
  return Readable.from(pieces(), { objectMode: false, highWaterMark: bodyBuffer });
}

function noAnswer(): Error {
  return Object.assign(new Error('no answer but informational ones'), { code: 'UND_ERR_HEADERS_TIMEOUT' });
}
