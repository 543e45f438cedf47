import { createServer } from 'node:net';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { failureOf, openResolver, readAll } from './open-resolver.js';
import { json, type Script, ScriptedServer } from './scripted-server.js';

const config = { mediaType: mediaTypes.ociConfig, digest: digestOf('config'), size: 6 };
const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }));
const manifest: Descriptor = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length };

/** One byte every 50 ms for ever: never idle. */
const drip: Script = (_request, response) => {
  response.writeHead(200, { 'content-type': mediaTypes.ociManifest, 'content-length': '100000' });
  const dripping = setInterval(() => response.write(' '), 50);
  response.once('close', () => clearInterval(dripping));
};

describe('a body that comes byte by byte, which had no total deadline', () => {
  it('of a tag ends', async () => {
    await using server = await ScriptedServer.start((request, response, self) =>
      request.method === 'HEAD' ? void response.writeHead(405).end() : drip(request, response, self),
    );
    await using resolver = await openResolver({ idle_timeout: 0.4 });
    expect(await failureOf(resolver.resolve(`${server.host}/a`))).toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_TIMEOUT',
    });
  });

  it('of a manifest by digest ends', async () => {
    await using server = await ScriptedServer.start((_request, response) => {
      response.writeHead(200, { 'content-type': mediaTypes.ociManifest });
      const dripping = setInterval(() => response.write(' '), 50);
      response.once('close', () => clearInterval(dripping));
    });
    await using resolver = await openResolver({ idle_timeout: 0.4 });
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(manifest);
    expect(await failureOf(readAll(content.body))).toMatchObject({ kind: 'unavailable', code: 'REGISTRY_TIMEOUT' });
  });

  it('of a token ends', async () => {
    await using server = await ScriptedServer.start((request, response, self) =>
      request.url?.startsWith('/token')
        ? drip(request, response, self)
        : void response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${self.host}/token"` }).end(),
    );
    await using resolver = await openResolver({ idle_timeout: 0.2 });
    expect(await failureOf(resolver.resolve(`${server.host}/a`))).toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_TIMEOUT',
    });
  }, 30_000);

  it('of an error ends, and the error is told', async () => {
    await using server = await ScriptedServer.start((request, response) => {
      if (request.method === 'HEAD') return void response.writeHead(405).end();
      response.writeHead(418, { 'content-length': '1000' });
      const dripping = setInterval(() => response.write(' '), 50);
      response.once('close', () => clearInterval(dripping));
    });
    await using resolver = await openResolver({ idle_timeout: 0.4 });
    expect(await failureOf(resolver.resolve(`${server.host}/a`))).toMatchObject({ code: 'REGISTRY_REQUEST_REFUSED' });
  });

  it('of a layer may take as long as it takes', async () => {
    const layer = { mediaType: mediaTypes.ociLayer, digest: digestOf('0123456789'), size: 10 };
    await using server = await ScriptedServer.start((_request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      let at = 0;
      const dripping = setInterval(() => {
        response.write(String(at++));
        if (at === 10) response.end();
        if (at === 10) clearInterval(dripping);
      }, 100);
    });
    await using resolver = await openResolver({ idle_timeout: 0.4 });
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(layer);
    expect((await readAll(content.body)).toString()).toBe('0123456789');
  });
});

describe('retrying', () => {
  it('gives up a server that answers nothing at all, again and again', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await using resolver = await openResolver({ idle_timeout: 0.2, hosts: { [`127.0.0.1:${port}`]: { plain_http: true } } });
    expect(await failureOf(resolver.resolve(`127.0.0.1:${port}/a`))).toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_TIMEOUT',
    });
    expect(connections).toBe(5);
    server.close();
  }, 120_000);

  it('heeds a Retry-After that is a date, and none that makes no sense', async () => {
    const asked: number[] = [];
    const retryAfter = [
      new Date(Date.now() - 60_000).toUTCString(),
      'tomorrow',
      '-5',
      () => new Date(Date.now() + 3000).toUTCString(),
    ];
    await using server = await ScriptedServer.start((_request, response) => {
      asked.push(performance.now());
      const header = retryAfter[asked.length - 1];
      if (header === undefined) response.writeHead(200, { 'content-type': mediaTypes.ociManifest, 'content-length': '7' }).end();
      else json(response, 429, {}, { 'retry-after': typeof header === 'string' ? header : header() });
    });
    await using resolver = await openResolver();
    await resolver.resolve(`${server.host}/a@${manifest.digest}`);
    const waited = asked.slice(1, 5).map((at, index) => at - (asked[index] ?? 0));
    for (const wait of waited.slice(0, 3)) expect(wait).toBeLessThan(3000);
    // The date has no milliseconds.
    expect(waited[3]).toBeGreaterThan(1900);
  }, 60_000);

  it('does not obey a Retry-After of an hour', async () => {
    let asked = 0;
    await using server = await ScriptedServer.start((_request, response) => {
      asked += 1;
      if (asked === 1) json(response, 503, {}, { 'retry-after': '3600' });
      else
        response
          .writeHead(200, {
            'content-type': mediaTypes.ociManifest,
            'docker-content-digest': manifest.digest,
            'content-length': String(manifest.size),
          })
          .end();
    });
    await using resolver = await openResolver();
    expect((await resolver.resolve(`${server.host}/a`)).descriptor).toEqual(manifest);
  }, 60_000);
});

describe('warnings', () => {
  const warnedBy = async (header: string | string[], rest: { auth?: object } = {}): Promise<string[]> => {
    const warned: string[] = [];
    await using server = await ScriptedServer.start((request, response) => {
      if (rest.auth !== undefined && request.headers.authorization === undefined)
        return void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      response.setHeader('warning', header);
      response.writeHead(200, { 'content-type': mediaTypes.ociManifest, 'content-length': String(bytes.length) });
      response.end(request.method === 'HEAD' ? undefined : bytes);
    });
    const config = rest.auth === undefined ? {} : { auth: { [server.host]: rest.auth } };
    await using resolver = await openResolver(config, (message) => warned.push(message.replace(server.host, 'HOST')));
    await resolver.resolve(`${server.host}/a`);
    await resolver.resolve(`${server.host}/a`);
    return warned;
  };

  it('are shown once each', async () => {
    expect(await warnedBy('299 - "old", 299 - "say \\"new\\"", 299 - "old"')).toEqual([
      'registry "HOST" warns: old',
      'registry "HOST" warns: say "new"',
    ]);
    expect(await warnedBy(['299 - "one"', '299 - "two"'])).toEqual(['registry "HOST" warns: one', 'registry "HOST" warns: two']);
  });

  it('of other codes or agents, or that are none, are not', async () => {
    expect(await warnedBy('110 anderson/1.3.37 "Response is stale"')).toEqual([]);
    expect(await warnedBy('299 proxy "x"')).toEqual([]);
    expect(await warnedBy('299 - "no end')).toEqual([]);
  });

  it('have no control characters, no secrets and an end', async () => {
    const [escaped] = await warnedBy('299 - "\u00c2\u009b31m\tred"');
    expect(escaped).toBe('registry "HOST" warns: \\u{9b}31m\\u{9}red');
    const auth = { username: 'alice', password: 'open sesame' };
    expect(await warnedBy('299 - "your password is open sesame"', { auth })).toEqual([
      'registry "HOST" warns: your password is ***',
    ]);
    const [long = ''] = await warnedBy(`299 - "${'x'.repeat(5000)}"`);
    expect(long.length).toBeLessThan(400);
    const many = await warnedBy(Array.from({ length: 200 }, (_, index) => `299 - "${index}"`));
    expect(many).toHaveLength(64);
  });
});
