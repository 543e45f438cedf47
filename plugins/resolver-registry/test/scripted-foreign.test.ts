import type { Descriptor } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { failureOf, openResolver, readAll } from './open-resolver.js';
import { blob, blobBytes } from './scripted-content.js';
import { json, type Script, ScriptedServer } from './scripted-server.js';

const foreign = (...urls: readonly string[]): Descriptor => ({ ...blob, urls });
const lacking: Script = (_request, response) => json(response, 404, { errors: [{ code: 'BLOB_UNKNOWN' }] });
const serving: Script = (request, response) => {
  const [, first] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  if (first === undefined) return void response.end(blobBytes);
  const range = `bytes ${first}-${blob.size - 1}/${blob.size}`;
  response.writeHead(206, { 'content-range': range }).end(blobBytes.subarray(Number(first)));
};

describe('a foreign layer', () => {
  it('is fetched from its registry where that has it', async () => {
    await using place = await ScriptedServer.start(serving);
    await using server = await ScriptedServer.start(serving);
    await using resolver = await openResolver();
    await using content = await resolver.fetcher(`${server.host}/a`).fetch(foreign(`http://${place.host}/layer`));
    expect(await readAll(content.body)).toEqual(blobBytes);
    expect(place.log).toEqual([]);
  });

  it('is fetched from its URLs otherwise, one after the other, from an offset on', async () => {
    await using gone = await ScriptedServer.start((_request, response) => void response.writeHead(404).end());
    await using broken = await ScriptedServer.start((_request, response) => void response.writeHead(403).end());
    await using place = await ScriptedServer.start(serving);
    await using server = await ScriptedServer.start(lacking);
    await using resolver = await openResolver();
    const urls = [`http://${gone.host}/x`, `http://${broken.host}/x`, 'nonsense:', `http://${place.host}/layer?a=b`];
    for (const offset of [0, 4000]) {
      await using content = await resolver.fetcher(`${server.host}/a`).fetch(foreign(...urls), { offset });
      expect(content.offset).toBe(offset);
      expect(await readAll(content.body)).toEqual(blobBytes.subarray(offset));
    }
    expect(place.lines()).toEqual(['GET /layer?a=b', 'GET /layer?a=b']);
  });

  it('gives no credentials to its URLs, whatever they ask for', async () => {
    await using realm = await ScriptedServer.start((_request, response) => json(response, 200, { token: 'abcdefgh' }));
    await using place = await ScriptedServer.start(
      (_request, response) =>
        void response
          .writeHead(401, { 'www-authenticate': `Bearer realm="http://${realm.host}/token", Basic realm="give me"` })
          .end(),
    );
    await using server = await ScriptedServer.start((request, response, self) =>
      request.headers.authorization === undefined
        ? void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
        : lacking(request, response, self),
    );
    const login = { username: 'alice', password: 'open sesame' };
    await using resolver = await openResolver({ auth: { [server.host]: login, [place.host]: login, [realm.host]: login } });
    const descriptor = foreign(`http://${place.host}/layer`, `http://${server.host}/elsewhere`);
    const error = await failureOf(resolver.fetcher(`${server.host}/a`).fetch(descriptor));
    expect(error).toMatchObject({ kind: 'not-found', code: 'REGISTRY_BLOB_NOT_FOUND' });
    expect(error.message).toContain(`"${place.host}" answered 401`);
    expect(realm.log).toEqual([]);
    const outside = [...place.log, ...server.log.filter(({ line }) => line === 'GET /elsewhere')];
    expect(outside.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  it('is not looked for where nobody may send us', async () => {
    await using other = await ScriptedServer.start(serving, { host: '127.0.0.2' });
    await using server = await ScriptedServer.start(lacking);
    await using resolver = await openResolver();
    const urls = [
      `http://127.0.0.2:${other.port}/layer`,
      'https://169.254.169.254/latest/meta-data',
      'https://[fd00::1]/',
      'http://198.51.100.1/layer',
      'http://user:hunter22@127.0.0.1/layer',
      'file:///etc/passwd',
    ];
    for (const url of urls) {
      const error = await failureOf(resolver.fetcher(`${server.host}/a`).fetch(foreign(url)));
      expect(error).toMatchObject({ kind: 'not-found', code: 'REGISTRY_BLOB_NOT_FOUND' });
      expect(error.message).toMatch(/loopback, link-local or private|plain http|neither https nor http|user name/);
      expect(error.message).not.toContain('hunter22');
    }
    expect(other.log).toEqual([]);
  });

  it('that leads on to where nobody may send us is not followed there', async () => {
    await using other = await ScriptedServer.start(serving, { host: '127.0.0.2' });
    await using place = await ScriptedServer.start(
      (_request, response) => void response.writeHead(302, { location: `http://127.0.0.2:${other.port}/` }).end(),
    );
    await using server = await ScriptedServer.start(lacking);
    await using resolver = await openResolver();
    const error = await failureOf(resolver.fetcher(`${server.host}/a`).fetch(foreign(`http://${place.host}/`)));
    expect(error).toMatchObject({ code: 'REGISTRY_BLOB_NOT_FOUND' });
    expect(other.log).toEqual([]);
  });

  it('with very many URLs has eight of them asked', async () => {
    await using gone = await ScriptedServer.start((_request, response) => void response.writeHead(404).end());
    await using server = await ScriptedServer.start(lacking);
    await using resolver = await openResolver();
    const urls = Array.from({ length: 100 }, (_, index) => `http://${gone.host}/${index}`);
    const error = await failureOf(resolver.fetcher(`${server.host}/a`).fetch(foreign(...urls)));
    expect(error.message.length).toBeLessThan(1000);
    expect(gone.log).toHaveLength(8);
  });
});
