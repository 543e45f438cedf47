import { quote } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import { discard, readBounded } from './bounded-body.js';
import type { Challenge } from './challenge.js';
import type { RegistryConfig } from './config.js';
import { basicAuthorization, type Credential } from './credentials/credential.js';
import { checkRealm, realmRefused } from './realm.js';
import { responseError } from './response-errors.js';
import type { Scope } from './scopes.js';
import type { HttpResponse, Transport } from './transport.js';

export interface TokenRequest {
  readonly registry: string;
  readonly challenge: Challenge;
  /** What was challenged. */
  readonly from: URL;
  readonly scopes: readonly Scope[];
  readonly credential: Exclude<Credential, { kind: 'registry-token' }> | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface Token {
  readonly value: string;
  /** Seconds. */
  readonly lifetime: number;
}

/** What a token server is asked with. */
interface TokenServer {
  readonly config: RegistryConfig;
  readonly transport: Transport;
  readonly conceal: (text: string) => string;
}

const clientId = 'slipway';
const maxTokenAnswer = 64 * 1024;
/** Seconds a token counts when its answer does not say (distribution's token specification), and the longest we believe. */
const defaultLifetime = 60;
const maxLifetime = 3600;

/**
 * Asks the token server of a challenge for a token: with GET as all of them know it, or as OAuth2 says (distribution's `spec/auth/oauth.md`),
 * which an identity token needs. Where a server has only the other way, that one is tried. Errors: those of an answer that is no success.
 */
export async function requestToken(server: TokenServer, request: TokenRequest): Promise<Token> {
  const { credential, from, signal } = request;
  const realm = checkRealm(request, server.config);
  const [first, second] = waysFor(credential);
  const send = async (way: Way): Promise<HttpResponse> => {
    const response = await server.transport.send({
      ...way(realm, request),
      own: realm.origin === from.origin,
      signal,
    });
    if (response.status < 300 || response.status >= 400) return response;
    await discard(response);
    throw realmRefused(request.registry, realm, 'redirects, which a token server must not');
  };
  let response = await send(first);
  if (second !== undefined && (response.status === 404 || response.status === 405)) {
    await discard(response);
    response = await send(second);
  }
  if (response.status === 200)
    return readToken(await readBounded(response, maxTokenAnswer, 'REGISTRY_TOKEN_TOO_LARGE', signal), realm, request.registry);
  throw await responseError(`asking for a token at ${quote(realm.host)}`, response, { conceal: server.conceal, signal });
}

type Way = (realm: URL, request: TokenRequest) => Pick<Parameters<Transport['send']>[0], 'method' | 'url' | 'headers' | 'body'>;

function waysFor(credential: TokenRequest['credential']): readonly [Way, Way?] {
  if (credential === undefined) return [getWith()];
  if (credential.kind === 'password') {
    const { username, password } = credential;
    return [getWith(username, password), postWith({ grant_type: 'password', username, password })];
  }
  const { username, token } = credential;
  const post = postWith({ grant_type: 'refresh_token', refresh_token: token });
  return username === undefined ? [post] : [post, getWith(username, token)];
}

function getWith(username?: string, password = ''): Way {
  return (realm, { challenge, scopes }) => {
    const url = new URL(realm);
    const service = challenge.parameters.get('service');
    if (service !== undefined) url.searchParams.set('service', service);
    // Our own scopes, not the challenge's: a registry has no say in what we ask its token server for.
    url.searchParams.delete('scope');
    for (const scope of scopes) url.searchParams.append('scope', scope);
    const accept = { accept: 'application/json' };
    if (username === undefined) return { method: 'GET', url, headers: accept };
    url.searchParams.set('account', username);
    return { method: 'GET', url, headers: { ...accept, authorization: basicAuthorization(username, password) } };
  };
}

function postWith(grant: Readonly<Record<string, string>>): Way {
  return (realm, { challenge, scopes }) => {
    const service = challenge.parameters.get('service');
    const form = new URLSearchParams({ ...grant, client_id: clientId, ...(service === undefined ? {} : { service }) });
    if (scopes.length > 0) form.set('scope', scopes.join(' '));
    const bytes = Buffer.from(form.toString());
    return {
      method: 'POST',
      url: realm,
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: {
        length: bytes.length,
        async *read() {
          yield bytes;
        },
      },
    };
  };
}

function readToken(bytes: Buffer, realm: URL, registry: string): Token {
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
      message: `the token server ${quote(realm.host)} of registry ${quote(registry)} answered without a usable token`,
    });
  const stated = members['expires_in'];
  return { value, lifetime: typeof stated === 'number' && stated > 0 ? Math.min(stated, maxLifetime) : defaultLifetime };
}
