import { describe, expect, it } from 'vitest';
import { failureOf, openResolver, readAll } from './open-resolver.js';
import { blob, blobBytes, good, sendManifest } from './scripted-content.js';
import { json, ScriptedServer } from './scripted-server.js';

describe('redirects', () => {
  const auth = (host: string): Record<string, unknown> => ({ auth: { [host]: { username: 'alice', password: 'open sesame' } } });

  it('lead to other hosts without Authorization', async () => {
    await using store = await ScriptedServer.start((_request, response) => void response.end(blobBytes));
    await using server = await ScriptedServer.start((request, response) => {
      if (request.headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else response.writeHead(307, { location: `http://${store.host}/data?signature=secret` }).end();
    });
    await using resolver = await openResolver(auth(server.host));
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(blob);
    expect(await readAll(content.body)).toEqual(blobBytes);
    expect(server.log.at(-1)?.headers.authorization).toBe(`Basic ${Buffer.from('alice:open sesame').toString('base64')}`);
    expect(store.lines()).toEqual(['GET /data?signature=secret']);
    expect(store.log[0]?.headers.authorization).toBeUndefined();
  });

  it('give no credentials to a host that asks for them', async () => {
    await using store = await ScriptedServer.start(
      (_request, response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
    );
    await using server = await ScriptedServer.start(
      (_request, response) => void response.writeHead(307, { location: `http://${store.host}/` }).end(),
    );
    await using resolver = await openResolver({
      auth: { [server.host]: { username: 'a', password: 'open' }, [store.host]: { username: 'b', password: 'open' } },
    });
    await expect(resolver.fetcher(`${server.host}/a`).fetch(blob)).rejects.toMatchObject({ kind: 'permission-denied' });
    expect(store.log.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  it('that never end are followed ten times', async () => {
    await using server = await ScriptedServer.start(
      (request, response) => void response.writeHead(302, { location: request.url ?? '' }).end(),
    );
    await using resolver = await openResolver();
    await expect(resolver.fetcher(`${server.host}/a`).fetch(blob)).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'REGISTRY_REDIRECT_REFUSED',
    });
    expect(server.log).toHaveLength(11);
  });

  it.each([
    ['to another loopback address', (port: number) => `http://127.0.0.2:${port}/`, 'REGISTRY_ADDRESS_REFUSED'],
    ['to link-local', () => 'https://169.254.169.254/latest/meta-data', 'REGISTRY_ADDRESS_REFUSED'],
    ['to a private address', () => 'https://10.0.0.1/', 'REGISTRY_ADDRESS_REFUSED'],
    ['to a mapped private address', () => 'https://[::ffff:192.168.0.1]/', 'REGISTRY_ADDRESS_REFUSED'],
    ['to a unique local address', () => 'https://[fd00::1]/', 'REGISTRY_ADDRESS_REFUSED'],
    ['to plain http elsewhere', () => 'http://198.51.100.1/', 'REGISTRY_REDIRECT_REFUSED'],
    ['with a user name', (port: number) => `http://user:pw@127.0.0.1:${port}/`, 'REGISTRY_REDIRECT_REFUSED'],
    ['to a file', () => 'file:///etc/passwd', 'REGISTRY_REDIRECT_REFUSED'],
    ['to nothing', () => 'http://[', 'REGISTRY_REDIRECT_REFUSED'],
  ])('are refused %s', async (_name, location, code) => {
    await using other = await ScriptedServer.start((_request, response) => void response.end(blobBytes), { host: '127.0.0.2' });
    await using server = await ScriptedServer.start(
      (_request, response) => void response.writeHead(307, { location: location(other.port) }).end(),
    );
    await using resolver = await openResolver();
    const error = await failureOf(resolver.fetcher(`${server.host}/a`).fetch(blob));
    expect(error).toMatchObject({ kind: 'failed-precondition', code });
    expect(JSON.stringify(error)).not.toContain('pw@');
    expect(other.log).toHaveLength(0);
  });

  it('to a private address are followed where the configuration allows it', async () => {
    await using other = await ScriptedServer.start((_request, response) => void response.end(blobBytes), { host: '127.0.0.2' });
    await using server = await ScriptedServer.start(
      (_request, response) => void response.writeHead(307, { location: `http://127.0.0.2:${other.port}/` }).end(),
    );
    await using resolver = await openResolver({ hosts: { [`127.0.0.2:${other.port}`]: { allow_private_address: true } } });
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(blob);
    expect(await readAll(content.body)).toEqual(blobBytes);
  });
});

describe('tokens', () => {
  const bearer = (realm: string): Record<string, string> => ({
    'www-authenticate': `Negotiate, Basic realm="a, \\"b\\"", Bearer realm="${realm}",service="s, t",scope="repository:victim:push"`,
  });

  it('are asked for once in a 401 that never ends, and the answer is an error', async () => {
    let tokens = 0;
    await using server = await ScriptedServer.start((request, response, self) => {
      if (request.url?.startsWith('/token')) {
        tokens += 1;
        json(response, 200, { access_token: 'abcdefgh12345678' });
      } else
        json(
          response,
          401,
          { errors: [{ code: 'UNAUTHORIZED', message: 'token abcdefgh12345678 is not good' }] },
          bearer(`http://${self.host}/token`),
        );
    });
    await using resolver = await openResolver();
    const error = await failureOf(resolver.fetcher(`${server.host}/a`).fetch(blob));
    expect(error).toMatchObject({
      kind: 'permission-denied',
      code: 'REGISTRY_UNAUTHORIZED',
      message: expect.stringContaining('token *** is not good'),
    });
    expect(tokens).toBe(1);
    expect(server.lines()).toEqual([
      `GET /v2/a/blobs/${blob.digest}`,
      'GET /token?service=s%2C+t&scope=repository%3Aa%3Apull',
      `GET /v2/a/blobs/${blob.digest}`,
    ]);
  });

  it('are renewed when the registry stops taking them', async () => {
    let current = 0;
    await using server = await ScriptedServer.start((request, response, self) => {
      if (request.url?.startsWith('/token')) json(response, 200, { token: `token-${current}`, expires_in: 300 });
      else if (request.headers.authorization === `Bearer token-${current}`) sendManifest(response, good);
      else response.writeHead(401, bearer(`http://${self.host}/token`)).end();
    });
    await using resolver = await openResolver();
    await resolver.resolve(`${server.host}/a`);
    await resolver.resolve(`${server.host}/a`);
    current = 1;
    await resolver.resolve(`${server.host}/a`);
    expect(server.lines().filter((line) => line.startsWith('GET /token'))).toHaveLength(2);
  });

  it.each([
    ['is on link-local', () => 'http://169.254.169.254/token', 'REGISTRY_REALM_REFUSED'],
    ['is on link-local over https', () => 'https://169.254.169.254/token', 'REGISTRY_ADDRESS_REFUSED'],
    ['is on another loopback address', (port: number) => `http://127.0.0.2:${port}/token`, 'REGISTRY_ADDRESS_REFUSED'],
    ['is plain http elsewhere', () => 'http://198.51.100.1/token', 'REGISTRY_REALM_REFUSED'],
    ['has a user name', () => 'https://user:pw@example.com/token', 'REGISTRY_REALM_REFUSED'],
    ['is no URL', () => 'token', 'REGISTRY_REALM_REFUSED'],
    ['redirects', (_port: number, self: ScriptedServer) => `http://${self.host}/token`, 'REGISTRY_REALM_REFUSED'],
  ])('are not asked for at a realm that %s', async (_name, realm, code) => {
    await using other = await ScriptedServer.start((_request, response) => json(response, 200, { token: 'abcdefgh' }), {
      host: '127.0.0.2',
    });
    await using server = await ScriptedServer.start((request, response, self) => {
      if (request.url?.startsWith('/token')) response.writeHead(302, { location: `http://127.0.0.2:${other.port}/` }).end();
      else response.writeHead(401, bearer(realm(other.port, self))).end();
    });
    await using resolver = await openResolver({ auth: { [server.host]: { username: 'alice', password: 'open sesame' } } });
    expect(await failureOf(resolver.fetcher(`${server.host}/a`).fetch(blob))).toMatchObject({ code });
    expect(other.log).toHaveLength(0);
  });

  it('that are too long or unusable are refused', async () => {
    for (const [token, code] of [
      ['x'.repeat(70_000), 'REGISTRY_TOKEN_TOO_LARGE'],
      ['a\r\nb', 'REGISTRY_TOKEN_INVALID'],
      [7, 'REGISTRY_TOKEN_INVALID'],
    ] as const) {
      await using server = await ScriptedServer.start((request, response, self) => {
        if (request.url?.startsWith('/token')) json(response, 200, { token });
        else response.writeHead(401, bearer(`http://${self.host}/token`)).end();
      });
      await using resolver = await openResolver();
      await expect(resolver.resolve(`${server.host}/a`)).rejects.toMatchObject({ code });
    }
  });
});
