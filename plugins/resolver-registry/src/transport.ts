import type { IncomingHttpHeaders } from 'node:http';
import type { SecureContext } from 'node:tls';
import { quote } from '@slipway/oci';
import { SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import type { Agent, Dispatcher } from 'undici';
import { isPublicAddress, plainAddress } from './addresses.js';
import type { RegistryConfig } from './config.js';
import { connectTimeout, guardedConnector, openConnector } from './connector.js';
import { ownEntry } from './hosts.js';
import { transportError } from './transport-errors.js';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** True for the registry itself, which the user named: it may be on any address. */
  readonly own: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Dispatcher.ResponseData['body'];
}

type Options = Dispatcher.RequestOptions & { highWaterMark: number };

interface Loaded {
  readonly own: Agent;
  readonly guarded: Agent;
  readonly request: (agent: Agent, options: Options) => Promise<Dispatcher.ResponseData>;
}

const maxHeaderSize = 64 * 1024;
const bodyBuffer = 1024 * 1024;

/**
 * Connections to one registry and to where it sends us. The address of every host that the registry chose (redirect
 * target, token realm) must be public or one at which the registry itself was reached, or be allowed by configuration.
 */
export class Transport implements AsyncDisposable {
  private loading: Promise<Loaded> | undefined;
  private closed = false;
  private readonly ownAddresses = new Set<string>();

  constructor(
    private readonly config: RegistryConfig,
    private readonly userAgent: string,
    private readonly trust: () => Promise<SecureContext>,
  ) {}

  async send(request: HttpRequest): Promise<HttpResponse> {
    const { url, method, signal } = request;
    const what = `${method === 'HEAD' ? 'asking' : 'reading from'} ${quote(url.host)}`;
    throwIfAborted(what, signal);
    if (this.closed)
      throw new SlipwayError({ kind: 'canceled', code: 'RESOLVER_CLOSED', message: `${what}: the resolver was closed` });
    this.loading ??= this.load();
    // undici's clock starts anew with each informational answer (103), and those have no end.
    const late = new AbortController();
    const headersTimeout = this.config.idle_timeout * 1000;
    const deadline = setTimeout(() => late.abort(noAnswer()), connectTimeout + headersTimeout);
    try {
      const loaded = await this.loading;
      const response = await loaded.request(request.own ? loaded.own : loaded.guarded, {
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        // A content coding would make offsets and sizes those of other bytes than the digest's.
        headers: { 'user-agent': this.userAgent, 'accept-encoding': 'identity', ...request.headers },
        signal: signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]),
        headersTimeout,
        bodyTimeout: headersTimeout,
        highWaterMark: bodyBuffer,
      });
      // A body that is given up reports that as an error, also when nobody reads it any more.
      response.body.on('error', () => undefined);
      return { url, status: response.statusCode, headers: response.headers, body: response.body };
    } catch (error) {
      throw transportError(what, error, signal);
    } finally {
      clearTimeout(deadline);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    const loaded = await this.loading?.catch(() => undefined);
    await Promise.all([loaded?.own.destroy(), loaded?.guarded.destroy()]);
  }

  private async load(): Promise<Loaded> {
    const [{ default: AgentOf }, { default: build }, { default: api }] = await Promise.all([
      import('undici/lib/dispatcher/agent.js'),
      import('undici/lib/core/connect.js'),
      import('undici/lib/api/index.js'),
    ]);
    const open = openConnector(build, this.trust, (address) => this.ownAddresses.add(plainAddress(address)));
    const guarded = guardedConnector(build, this.trust, (host, address) => this.mayConnect(host, address));
    return {
      own: new AgentOf({ connect: open, maxHeaderSize }),
      guarded: new AgentOf({ connect: guarded, maxHeaderSize }),
      request: (agent, options) => api.request.call(agent, options),
    };
  }

  private mayConnect(host: string, address: string): boolean {
    if (isPublicAddress(address) || this.ownAddresses.has(plainAddress(address))) return true;
    return ownEntry(this.config.hosts, host)?.allow_private_address === true;
  }
}

function noAnswer(): Error {
  return Object.assign(new Error('no answer but informational ones'), { code: 'UND_ERR_HEADERS_TIMEOUT' });
}
