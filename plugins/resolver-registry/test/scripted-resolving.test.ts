import { digestOf, mediaTypes } from '@slipway/oci';
import { describe, expect, it } from 'vitest';
import { failureOf, openResolver } from './open-resolver.js';
import { blob, config, good, manifest, manifestBytes, sendManifest } from './scripted-content.js';
import { json, ScriptedServer } from './scripted-server.js';

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
