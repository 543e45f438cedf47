import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { digestOf, mediaTypes } from '@slipway/oci';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf, openResolver } from './open-resolver.js';
import { json, ScriptedServer } from './scripted-server.js';

const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: digestOf('config'), size: 6 },
    layers: [],
  }),
);

/** A registry and its token server in one. `give` answers for the token. */
function registryWith(
  give: (request: IncomingMessage, form: URLSearchParams) => [status: number, body: unknown],
  wanted = 'Bearer good-token',
) {
  const asked: string[] = [];
  return {
    asked,
    start: () =>
      ScriptedServer.start(async (request, response, self) => {
        if (request.url?.startsWith('/token')) {
          const url = new URL(request.url, 'http://x');
          const form = request.method === 'POST' ? new URLSearchParams(await text(request)) : url.searchParams;
          asked.push(`${request.method} ${form.toString()} ${request.headers.authorization ?? '-'}`);
          json(response, ...give(request, form));
        } else if (request.headers.authorization === wanted) {
          response.writeHead(200, {
            'content-type': mediaTypes.ociManifest,
            'content-length': String(manifest.length),
            'docker-content-digest': digestOf(manifest),
          });
          response.end(request.method === 'HEAD' ? undefined : manifest);
        } else {
          const challenge = `Bearer realm="http://${self.host}/token",service="s",scope="repository:victim:push"`;
          json(response, 401, { errors: [{ code: 'UNAUTHORIZED', message: 'no' }] }, { 'www-authenticate': challenge });
        }
      }),
  };
}

describe('token flows', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'slipway-tokens-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function configFor(host: string, entry: unknown): Record<string, unknown> {
    const file = path.join(folder, 'config.json');
    writeFileSync(file, JSON.stringify({ auths: { [host]: entry } }));
    return { auth_file: file };
  }
  const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`;
  const good = { token: 'good-token', expires_in: 300 };

  it('exchange an identity token by POST', async () => {
    const { asked, start } = registryWith(() => [200, { access_token: 'good-token', expires_in: 300 }]);
    await using server = await start();
    await using resolver = await openResolver(configFor(server.host, { identitytoken: 'refresh me' }));
    await resolver.resolve(`${server.host}/a/b`);
    expect(asked).toEqual([
      'POST grant_type=refresh_token&refresh_token=refresh+me&client_id=slipway&service=s&scope=repository%3Aa%2Fb%3Apull -',
    ]);
  });

  it('fall back to GET where a token server has no POST, and to POST where it has no GET', async () => {
    for (const status of [404, 405]) {
      const get = registryWith((request) => (request.method === 'POST' ? [status, {}] : [200, good]));
      await using first = await get.start();
      await using one = await openResolver(
        configFor(first.host, { auth: Buffer.from('me:').toString('base64'), identitytoken: 'tok' }),
      );
      await one.resolve(`${first.host}/a`);
      expect(get.asked.at(-1)).toBe(`GET service=s&scope=repository%3Aa%3Apull&account=me ${basic('me:tok')}`);

      const post = registryWith((request) => (request.method === 'GET' ? [status, {}] : [200, good]));
      await using second = await post.start();
      await using other = await openResolver(configFor(second.host, { username: 'me', password: 'pass word' }));
      await other.resolve(`${second.host}/a`);
      expect(post.asked.at(-1)).toBe(
        'POST grant_type=password&username=me&password=pass+word&client_id=slipway&service=s&scope=repository%3Aa%3Apull -',
      );
    }
  });

  it('say what the token server says, without the secret, and hint at the place of the credentials', async () => {
    const { start } = registryWith((_request, form) => [401, { details: `bad token ${form.get('refresh_token')}` }]);
    await using server = await start();
    await using resolver = await openResolver(configFor(server.host, { identitytoken: 'refresh-secret' }));
    const error = await failureOf(resolver.resolve(`${server.host}/a`));
    expect(error).toMatchObject({
      kind: 'permission-denied',
      code: 'REGISTRY_UNAUTHORIZED',
      message: expect.stringContaining('bad token ***'),
      hint: expect.stringContaining(path.join(folder, 'config.json')),
    });
    expect(JSON.stringify(error)).not.toContain('refresh-secret');
  });

  it('send a registry token as it is, and nothing else', async () => {
    const { asked, start } = registryWith(() => [500, {}], 'Bearer as-it-is');
    await using server = await start();
    await using resolver = await openResolver(configFor(server.host, { registrytoken: 'as-it-is' }));
    await resolver.resolve(`${server.host}/a`);
    expect(asked).toEqual([]);
    await using wrong = await openResolver(configFor(server.host, { registrytoken: 'something-else' }));
    const error = await failureOf(wrong.resolve(`${server.host}/a`));
    expect(error).toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
    expect(JSON.stringify(error)).not.toContain('something-else');
  });

  it('ask for one token for requests that are refused together', async () => {
    const { asked, start } = registryWith(() => [200, good]);
    await using server = await start();
    await using resolver = await openResolver();
    await Promise.all(Array.from({ length: 8 }, () => resolver.resolve(`${server.host}/a`)));
    expect(asked).toHaveLength(1);
    await resolver.resolve(`${server.host}/b`);
    expect(asked).toHaveLength(2);
  });

  it('ask anew when a token is over', async () => {
    const { asked, start } = registryWith(() => [200, { token: 'good-token', expires_in: 0.2 }]);
    await using server = await start();
    await using resolver = await openResolver();
    await resolver.resolve(`${server.host}/a`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await resolver.resolve(`${server.host}/a`);
    expect(asked).toHaveLength(2);
  });

  it('give no identity token to a registry that only takes a user name and password', async () => {
    await using server = await ScriptedServer.start(
      (_request, response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
    );
    await using resolver = await openResolver(configFor(server.host, { identitytoken: 'refresh-secret' }));
    expect(await failureOf(resolver.resolve(`${server.host}/a`))).toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
      message: expect.stringContaining('no identity token'),
    });
    expect(server.log.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it('never bring what is for one host and port to another', async () => {
    const { asked, start } = registryWith(() => [200, good]);
    await using server = await start();
    const others = { auths: {} as Record<string, unknown> };
    for (const host of ['127.0.0.1', `127.0.0.1:${server.port + 1}`, 'localhost', `localhost:${server.port}`, 'docker.io'])
      others.auths[host] = { auth: Buffer.from('me:secret').toString('base64') };
    const file = path.join(folder, 'others.json');
    writeFileSync(file, JSON.stringify(others));
    await using resolver = await openResolver({ auth_file: file });
    await resolver.resolve(`${server.host}/a`);
    expect(asked).toEqual(['GET service=s&scope=repository%3Aa%3Apull -']);
  });
});
