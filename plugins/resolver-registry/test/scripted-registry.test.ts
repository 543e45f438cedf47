import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor } from '@slipway/plugin-api';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { registryConfig } from '../dist/config.js';
import { Transport } from '../dist/transport.js';
import { trustOf } from '../dist/trust.js';
import { freePort } from './docker-registry.js';
import { failureOf, openResolver, readAll } from './open-resolver.js';
import { json, ScriptedServer } from './scripted-server.js';

const config: Descriptor = { mediaType: mediaTypes.ociConfig, digest: digestOf('config'), size: 6 };
const manifestBytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }));
const manifest: Descriptor = { mediaType: mediaTypes.ociManifest, digest: digestOf(manifestBytes), size: manifestBytes.length };
const blobBytes = Buffer.from('0123456789'.repeat(1000));
const blob: Descriptor = { mediaType: mediaTypes.ociLayer, digest: digestOf(blobBytes), size: blobBytes.length };

function sendManifest(response: ServerResponse, headers: Record<string, string> = {}, bytes: Uint8Array = manifestBytes): void {
  response
    .writeHead(200, { 'content-type': mediaTypes.ociManifest, 'content-length': String(bytes.byteLength), ...headers })
    .end(bytes);
}

const good = { 'docker-content-digest': manifest.digest };
const isBlob = (request: IncomingMessage): boolean => request.url?.includes('/blobs/') === true;

describe('resolving', () => {
  it('computes the digest where the header is missing', async () => {
    await using server = await ScriptedServer.start((_request, response) => sendManifest(response));
    await using resolver = await openResolver();
    expect((await resolver.resolve(`${server.host}/a`)).descriptor).toEqual(manifest);
    expect(server.lines()).toEqual(['HEAD /v2/a/manifests/latest', 'GET /v2/a/manifests/latest']);
  });

  it('needs one HEAD where all is said, and says who asks', async () => {
    await using server = await ScriptedServer.start((_request, response) => sendManifest(response, good));
    await using resolver = await openResolver();
    expect((await resolver.resolve(`${server.host}/a:x`)).descriptor).toEqual(manifest);
    expect(server.lines()).toEqual(['HEAD /v2/a/manifests/x']);
    expect(server.log[0]?.headers['user-agent']).toMatch(/^slipway\/\d+\.\d+\.\d+/);
    expect(server.log[0]?.headers.accept).toContain(mediaTypes.dockerManifestList);
  });

  it.each([
    ['of other content', { 'docker-content-digest': digestOf('other') }],
    ['malformed', { 'docker-content-digest': 'sha256:../../etc' }],
    ['of a broken algorithm', { 'docker-content-digest': 'md5:d41d8cd98f00b204e9800998ecf8427e' }],
  ])('refuses a digest header %s', async (_name, headers) => {
    await using server = await ScriptedServer.start((request, response) => {
      if (request.method === 'HEAD') response.writeHead(405).end();
      else sendManifest(response, headers);
    });
    await using resolver = await openResolver();
    await expect(resolver.resolve(`${server.host}/a`)).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'REGISTRY_DIGEST_MISMATCH',
    });
  });

  it('refuses another manifest than the digest asked for', async () => {
    for (const headers of [{}, { 'docker-content-digest': digestOf('other') }]) {
      await using server = await ScriptedServer.start((request, response) => {
        if (request.method === 'HEAD' && Object.keys(headers).length === 0) response.writeHead(405).end();
        else sendManifest(response, headers);
      });
      await using resolver = await openResolver();
      const error = await failureOf(resolver.resolve(`${server.host}/a@${digestOf('wanted')}`));
      expect(error).toMatchObject({ kind: 'failed-precondition', code: 'REGISTRY_DIGEST_MISMATCH' });
    }
  });

  it('bounds an endless manifest', async () => {
    await using server = await ScriptedServer.start((request, response) => {
      response.writeHead(200, { 'content-type': mediaTypes.ociManifest });
      if (request.method === 'HEAD') return void response.end();
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
      };
      response.on('drain', more);
      more();
    });
    await using resolver = await openResolver();
    await expect(resolver.resolve(`${server.host}/a`)).rejects.toMatchObject({
      kind: 'resource-exhausted',
      code: 'MANIFEST_TOO_LARGE',
    });
  });

  it('refuses a document whose media type contradicts it, and schema 1', async () => {
    const cases: [string, object, string][] = [
      [mediaTypes.ociIndex, { schemaVersion: 2, config, layers: [] }, 'MANIFEST_MEDIA_TYPE_MISMATCH'],
      [mediaTypes.dockerManifest, JSON.parse(manifestBytes.toString()) as object, 'MANIFEST_MEDIA_TYPE_MISMATCH'],
      [mediaTypes.dockerManifestSchema1Signed, { schemaVersion: 1, fsLayers: [] }, 'MANIFEST_SCHEMA1_UNSUPPORTED'],
      ['text/html', { a: 1 }, 'MANIFEST_INVALID'],
    ];
    for (const [type, document, code] of cases) {
      await using server = await ScriptedServer.start((_request, response) =>
        sendManifest(response, { 'content-type': type }, Buffer.from(JSON.stringify(document))),
      );
      await using resolver = await openResolver();
      await expect(resolver.resolve(`${server.host}/a`)).rejects.toMatchObject({ code });
    }
  });

  it('takes a generic Content-Type for no statement', async () => {
    await using server = await ScriptedServer.start((_request, response) =>
      sendManifest(response, { 'content-type': 'application/octet-stream', ...good }),
    );
    await using resolver = await openResolver();
    expect((await resolver.resolve(`${server.host}/a`)).descriptor).toEqual(manifest);
  });

  it("shows the registry's words, bounded and neutralised", async () => {
    await using server = await ScriptedServer.start((_request, response) =>
      json(response, 418, { errors: [{ code: 'TEAPOT', message: `\u001b[31m${'x'.repeat(10_000)}` }] }),
    );
    await using resolver = await openResolver();
    const error = await failureOf(resolver.resolve(`${server.host}/a`));
    expect(error).toMatchObject({
      kind: 'invalid-argument',
      code: 'REGISTRY_REQUEST_REFUSED',
      message: expect.stringContaining('TEAPOT: \\u{1b}[31mxxx'),
    });
    expect(error.message.length).toBeLessThan(600);
  });
});

describe('retrying', () => {
  it('waits as 429 says and then goes on', async () => {
    let asked = 0;
    const times: number[] = [];
    await using server = await ScriptedServer.start((_request, response) => {
      asked += 1;
      times.push(performance.now());
      if (asked === 1) json(response, 429, { errors: [{ code: 'TOOMANYREQUESTS' }] }, { 'retry-after': '1' });
      else sendManifest(response, good);
    });
    await using resolver = await openResolver();
    await resolver.resolve(`${server.host}/a`);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950);
  });

  it('tries 5xx and resets again', async () => {
    let asked = 0;
    await using server = await ScriptedServer.start((request, response) => {
      asked += 1;
      if (asked === 1) response.writeHead(503).end();
      else if (asked === 2) request.socket.destroy();
      else sendManifest(response, good);
    });
    await using resolver = await openResolver();
    expect((await resolver.resolve(`${server.host}/a`)).descriptor).toEqual(manifest);
  });

  it('gives up after five attempts', async () => {
    await using server = await ScriptedServer.start((_request, response) => json(response, 429, {}));
    await using resolver = await openResolver();
    await expect(resolver.fetcher(`${server.host}/a`).fetch(blob)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_TOO_MANY_REQUESTS',
    });
    expect(server.log).toHaveLength(5);
  });

  it('does not ask by GET what HEAD was refused for overload', async () => {
    await using server = await ScriptedServer.start((_request, response) => void response.writeHead(503).end());
    await using resolver = await openResolver();
    await expect(resolver.resolve(`${server.host}/a`)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_SERVER_ERROR',
    });
    expect(server.lines()).toEqual(Array(5).fill('HEAD /v2/a/manifests/latest'));
  });

  it('tries a token server again that fails once', async () => {
    let asked = 0;
    await using server = await ScriptedServer.start((request, response, self) => {
      if (request.url?.startsWith('/token')) {
        asked += 1;
        if (asked === 1) response.writeHead(502).end();
        else json(response, 200, { token: 'abcdefgh' });
      } else if (request.headers.authorization === 'Bearer abcdefgh') sendManifest(response, good);
      else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${self.host}/token"` }).end();
    });
    await using resolver = await openResolver();
    expect((await resolver.resolve(`${server.host}/a`)).descriptor).toEqual(manifest);
  });

  it('stops waiting when aborted', async () => {
    const abort = new AbortController();
    await using server = await ScriptedServer.start((_request, response) => {
      json(response, 429, {}, { 'retry-after': '3600' });
      setTimeout(() => abort.abort(), 100);
    });
    await using resolver = await openResolver();
    await expect(resolver.resolve(`${server.host}/a`, { signal: abort.signal })).rejects.toMatchObject({ kind: 'canceled' });
    expect(server.log).toHaveLength(1);
  });
});

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

describe('fetching', () => {
  const fetchFrom = async (
    script: (request: IncomingMessage, response: ServerResponse) => void,
    offset: number,
    settings: object = {},
  ): Promise<{ offset: number; bytes: Buffer }> => {
    await using server = await ScriptedServer.start(script);
    await using resolver = await openResolver({ ...settings });
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(blob, { offset });
    return { offset: content.offset, bytes: await readAll(content.body) };
  };

  it('starts at 0 where Range is ignored, refused, or answered wrongly', async () => {
    const wrong = ['bytes 0-9999/10000', 'bytes 5001-9999/10000', 'bytes 5000-8000/10000', 'bytes 5000-9999/20000', 'junk', ''];
    const scripts: ((request: IncomingMessage, response: ServerResponse) => void)[] = [
      (_request, response) => response.end(blobBytes),
      (request, response) => (request.headers.range === undefined ? response.end(blobBytes) : response.writeHead(416).end()),
      ...wrong.map((range) => (request: IncomingMessage, response: ServerResponse) => {
        if (request.headers.range === undefined) response.end(blobBytes);
        else response.writeHead(206, range === '' ? {} : { 'content-range': range }).end(blobBytes.subarray(5000));
      }),
    ];
    for (const script of scripts) expect(await fetchFrom(script, 5000)).toEqual({ offset: 0, bytes: blobBytes });
  });

  it('refuses a partial answer nobody asked for, and codings', async () => {
    await expect(
      fetchFrom((_request, response) => response.writeHead(206, { 'content-range': 'bytes 5-9999/10000' }).end('x'), 0),
    ).rejects.toMatchObject({
      code: 'REGISTRY_ANSWER_UNEXPECTED',
    });
    await expect(
      fetchFrom((_request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'), 0),
    ).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'REGISTRY_SIZE_MISMATCH',
    });
  });

  it('stops a body that is too long and refuses a Content-Length that lies', async () => {
    const endless = (_request: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(blobBytes));
      };
      response.on('drain', more);
      more();
    };
    await expect(fetchFrom(endless, 0)).rejects.toMatchObject({ kind: 'failed-precondition', code: 'REGISTRY_SIZE_MISMATCH' });
    await expect(
      fetchFrom((_request, response) => response.writeHead(200, { 'content-length': '5' }).end('12345'), 0),
    ).rejects.toMatchObject({
      code: 'REGISTRY_SIZE_MISMATCH',
    });
  });

  it('reports a body that breaks off or ends early as unavailable', async () => {
    const scripts: ((request: IncomingMessage, response: ServerResponse) => void)[] = [
      (request, response) => {
        response.writeHead(200, { 'content-length': String(blob.size) });
        response.write(blobBytes.subarray(0, 4000), () => setTimeout(() => request.socket.resetAndDestroy(), 50));
      },
      (_request, response) => {
        response.writeHead(200);
        response.end(blobBytes.subarray(0, 4000));
      },
    ];
    for (const script of scripts) {
      await using server = await ScriptedServer.start(script);
      await using resolver = await openResolver();
      await using content = await resolver.fetcher(`${server.host}/a`).fetch(blob);
      let received = 0;
      const error = await failureOf(
        (async () => {
          for await (const chunk of content.body) received += chunk.byteLength;
        })(),
      );
      expect(error).toMatchObject({ kind: 'unavailable', code: 'REGISTRY_CONNECTION_RESET' });
      expect(received).toBe(4000);
    }
  });

  it('gives a stalled body up after the idle timeout', async () => {
    const stall = (_request: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(200, { 'content-length': String(blob.size) });
      response.write(blobBytes.subarray(0, 100));
    };
    await expect(fetchFrom(stall, 0, { idle_timeout: 0.3 })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_TIMEOUT',
    });
  });

  it('gives up a server that sends informational answers for ever, which was waited for without an end', async () => {
    await using server = await ScriptedServer.start((_request, response) => {
      const hints = setInterval(() => response.writeEarlyHints({ link: '</a>; rel=preload' }), 50);
      response.once('close', () => clearInterval(hints));
    });
    await using transport = new Transport(v.parse(registryConfig, { idle_timeout: 0.2 }), 'test', trustOf(undefined));
    const url = new URL(`http://${server.host}/`);
    await expect(transport.send({ method: 'GET', url, headers: {}, own: true })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_TIMEOUT',
    });
  }, 60_000);

  it('ends at once when aborted, before the answer and in the body', async () => {
    await using server = await ScriptedServer.start((request, response) => {
      if (!isBlob(request)) return;
      response.writeHead(200, { 'content-length': String(blob.size) });
      response.write(blobBytes.subarray(0, 100));
    });
    await using resolver = await openResolver({ idle_timeout: 3600 });
    await expect(resolver.resolve(`${server.host}/a`, { signal: AbortSignal.timeout(100) })).rejects.toMatchObject({
      kind: 'canceled',
    });
    const abort = new AbortController();
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(blob, { signal: abort.signal });
    setTimeout(() => abort.abort(), 100);
    await expect(readAll(content.body)).rejects.toMatchObject({ kind: 'canceled' });
    await expect(resolver.resolve(`${server.host}/a`, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      kind: 'canceled',
    });
  });

  it('does not read ahead of a slow reader', async () => {
    const large: Descriptor = { ...blob, size: 64 * 1024 * 1024 };
    let sent = 0;
    await using server = await ScriptedServer.start((_request, response) => {
      response.writeHead(200, { 'content-length': String(large.size) });
      const more = (): void => {
        while (sent < large.size) {
          sent += 65_536;
          if (!response.write(Buffer.alloc(65_536))) return;
        }
        response.end();
      };
      response.on('drain', more);
      more();
    });
    await using resolver = await openResolver();
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(large);
    const iterator = content.body[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    await iterator.return?.();
  });

  it('ends what is under way when the resolver is disposed', async () => {
    await using server = await ScriptedServer.start(() => undefined);
    const resolver = await openResolver({ idle_timeout: 3600 });
    const pending = failureOf(resolver.resolve(`${server.host}/a`));
    while (server.log.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await resolver[Symbol.asyncDispose]();
    expect(await pending).toMatchObject({ kind: 'canceled', code: 'RESOLVER_CLOSED' });
    await expect(resolver.resolve(`${server.host}/a`)).rejects.toMatchObject({ kind: 'canceled', code: 'RESOLVER_CLOSED' });
  });
});

describe('connecting', () => {
  it.each(['127.0.0.1', 'localhost', '[::1]'])('says that %s refused the connection', async (host) => {
    await using resolver = await openResolver();
    const error = await failureOf(resolver.resolve(`${host}:${await freePort()}/a`));
    expect(error).toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_CONNECTION_REFUSED',
      hint: expect.stringContaining('running'),
    });
  });

  it('says so when the other side does not speak HTTP', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      await using resolver = await openResolver();
      await expect(resolver.resolve(`127.0.0.1:${port}/a`)).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'REGISTRY_NOT_HTTP',
      });
    } finally {
      server.close();
    }
  });
});
