import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Certificate, CertificateAuthority } from './certificates.js';
import { json, ScriptedServer } from './scripted-server.js';

const issuer = 'test issuer';
const service = 'test service';

/**
 * A token server as distribution's token specification has it, by GET and as OAuth2, whose tokens a real registry takes. Users may do everything, but
 * `reader` only pull; who comes without credentials may pull what is not below `secret/`.
 */
export class TokenServer implements AsyncDisposable {
  /** `GET alice repository:a:pull repository:b:push`. */
  readonly asked: string[] = [];
  readonly #authority = new CertificateAuthority();
  readonly #signer: Certificate = this.#authority.issue('token signer', 'DNS:tokens');
  readonly #users: Readonly<Record<string, string>>;
  readonly #identityTokens: Readonly<Record<string, string>>;
  #server: ScriptedServer | undefined;

  private constructor(users: Readonly<Record<string, string>>, identityTokens: Readonly<Record<string, string>>) {
    this.#users = users;
    this.#identityTokens = identityTokens;
  }

  /** `users`: passwords by name; `identityTokens`: names by token. */
  static async start(
    users: Readonly<Record<string, string>>,
    identityTokens: Readonly<Record<string, string>> = {},
  ): Promise<TokenServer> {
    const tokens = new TokenServer(users, identityTokens);
    tokens.#server = await ScriptedServer.start(async (request, response) => {
      const isPost = request.method === 'POST';
      const form = isPost ? new URLSearchParams(await text(request)) : new URL(request.url ?? '', 'http://x').searchParams;
      const user = isPost ? tokens.#userOfForm(form) : tokens.#userOf(request);
      const scopes = form.getAll('scope').flatMap((scope) => scope.split(' '));
      tokens.asked.push([request.method, user ?? 'nobody', ...scopes].join(' '));
      if (user === undefined || form.get('service') !== service) {
        json(response, 401, { errors: [{ code: 'UNAUTHORIZED', message: 'no such user' }] });
        return;
      }
      const token = tokens.tokenFor(scopes.map((scope) => granted(user, scope)).filter((scope) => scope !== undefined));
      json(response, 200, { [isPost ? 'access_token' : 'token']: token, expires_in: 300 });
    });
    return tokens;
  }

  /** `auth` in the configuration of a registry that takes its tokens. */
  get registryAuth(): object {
    return { token: { realm: `http://${this.#server?.host}/token`, service, issuer, rootcertbundle: this.#authority.file } };
  }

  tokenFor(scopes: readonly string[]): string {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const certificate = new X509Certificate(readFileSync(this.#signer.certificate));
    const access = scopes.map((scope) => {
      const [type, name, actions] = scope.split(':');
      return { type, name, actions: actions?.split(',') };
    });
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, sub: 'x', aud: service, exp: now + 600, nbf: now - 60, iat: now, jti: randomUUID(), access };
    const signed = `${part({ typ: 'JWT', alg: 'ES256', x5c: [certificate.raw.toString('base64')] })}.${part(claims)}`;
    const key = { key: createPrivateKey(readFileSync(this.#signer.key)), dsaEncoding: 'ieee-p1363' } as const;
    return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#authority[Symbol.dispose]();
  }

  #userOf({ headers }: IncomingMessage): string | undefined {
    if (headers.authorization === undefined) return 'anonymous';
    const pair = Buffer.from(headers.authorization.replace('Basic ', ''), 'base64').toString();
    const colon = pair.indexOf(':');
    return this.#checked(pair.slice(0, colon), pair.slice(colon + 1));
  }

  #userOfForm(form: URLSearchParams): string | undefined {
    return form.get('grant_type') === 'refresh_token'
      ? this.#identityTokens[form.get('refresh_token') ?? '']
      : this.#checked(form.get('username') ?? '', form.get('password') ?? '');
  }

  #checked(name: string, password: string): string | undefined {
    return this.#users[name] === password ? name : undefined;
  }
}

function granted(user: string, scope: string): string | undefined {
  if (user !== 'anonymous' && user !== 'reader') return scope;
  return user === 'anonymous' && scope.startsWith('repository:secret/') ? undefined : scope.replace(/:[^:]*$/, ':pull');
}
