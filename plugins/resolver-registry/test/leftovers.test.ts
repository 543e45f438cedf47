import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { mediaTypes } from '@slipway/oci';
import type { Fetcher } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { MemorySource, openPushing } from './memory-source.js';
import { failureOf, openResolver } from './open-resolver.js';
import { json, ScriptedServer } from './scripted-server.js';

const piece = Buffer.alloc(64 * 1024, 'x');

/** Sends for as long as somebody takes it. Fulfils when nobody does any more. */
async function withoutEnd(response: ServerResponse): Promise<void> {
  const gone = new Promise<void>((resolve) => response.once('close', resolve));
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  more();
  await gone;
}

describe('nothing is left of', () => {
  it('a manifest that is refused by its headers: its connection was never closed', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await ScriptedServer.start(async (request, response) => {
      if (request.method === 'HEAD') return void response.writeHead(405).end();
      response.writeHead(200, { 'content-type': mediaTypes.ociManifest, 'docker-content-digest': 'sha256:short' });
      await withoutEnd(response);
      closed.resolve();
    });
    await using resolver = await openResolver({ idle_timeout: 3600 });
    expect(await failureOf(resolver.resolve(`${server.host}/a:1`))).toMatchObject({ code: 'MANIFEST_TOO_LARGE' });
    await closed.promise;
  });

  it.each([
    ['a place', (host: string) => `http://${host}/upload`, 'pushed'],
    ['no place', () => '', 'REGISTRY_REDIRECT_REFUSED'],
  ])('the endless answer to the beginning of an upload that says %s', async (_name, location, expected) => {
    const closed = Promise.withResolvers<void>();
    await using server = await ScriptedServer.start(async (request, response, self) => {
      request.resume();
      if (request.method === 'PUT') return void response.writeHead(201).end();
      if (request.method !== 'POST') return void response.writeHead(404).end();
      const place = location(self.host);
      response.writeHead(202, place === '' ? {} : { location: place });
      await withoutEnd(response);
      closed.resolve();
    });
    const source = new MemorySource();
    await using resolver = await openPushing({ idle_timeout: 3600 });
    await using pusher = resolver.pusher(`${server.host}/a:1`);
    const pushing = pusher.push(source.add(mediaTypes.ociLayer, Buffer.from('layer')), source);
    expect(await pushing.catch(({ code }) => code)).toBe(expected);
    await closed.promise;
  });

  it('an upload that was begun in place of a mount, when the next mount fails', async () => {
    let posts = 0;
    const deleted: string[] = [];
    await using server = await ScriptedServer.start((request, response) => {
      if (request.method === 'DELETE') deleted.push(request.url ?? '');
      if (request.method !== 'POST') return void response.writeHead(request.method === 'DELETE' ? 204 : 404).end();
      posts += 1;
      if (posts === 1) response.writeHead(202, { location: '/upload/1' }).end();
      else response.writeHead(202, { location: 'ftp://x/' }).end();
    });
    const source = new MemorySource();
    await using resolver = await openPushing();
    {
      await using pusher = resolver.pusher(`${server.host}/a:1`);
      const from = [`${server.host}/b`, `${server.host}/c`];
      const pushing = pusher.push(source.add(mediaTypes.ociLayer, Buffer.from('layer')), source, { from });
      expect(await failureOf(pushing)).toMatchObject({ code: 'REGISTRY_REDIRECT_REFUSED' });
    }
    expect(deleted).toEqual(['/upload/1']);
  });

  it('what was read to be sent, wherever the registry stops to listen', async () => {
    const source = new MemorySource();
    const layer = source.add(mediaTypes.ociLayer, Buffer.alloc(12_000_000, randomBytes(1021)));
    let open = 0;
    const counted: Fetcher = {
      fetch: async (descriptor, options) => {
        const content = await source.fetch(descriptor, options);
        open += 1;
        return {
          ...content,
          [Symbol.asyncDispose]: async () => {
            open -= 1;
          },
        };
      },
    };
    for (const answer of [401, 403, 413, 500, 201, 'reset', 'half'] as const) {
      await using server = await ScriptedServer.start((request, response) => {
        if (request.method === 'POST') return void response.writeHead(202, { location: '/upload/1' }).end();
        if (request.method !== 'PUT') return void response.writeHead(404).end();
        if (answer === 'reset') return void request.socket.destroy();
        if (answer === 'half') return void response.writeHead(413, { connection: 'close' }).end();
        json(response, answer, {}, answer === 401 ? { 'www-authenticate': 'Basic realm="x"' } : {});
      });
      await using resolver = await openPushing({ auth: { [server.host]: { username: 'a', password: 'sesame' } } });
      {
        await using pusher = resolver.pusher(`${server.host}/a:1`);
        const abort = new AbortController();
        const pushing = pusher.push(layer, counted, { signal: abort.signal }).catch(() => undefined);
        await Promise.race([pushing, sleep(1500)]);
        abort.abort();
        await pushing;
      }
      for (let tries = 0; open > 0 && tries < 200; tries += 1) await sleep(10);
      expect([answer, open]).toEqual([answer, 0]);
    }
  });
});

it.each([12_000_000, 40_000_000])('a blob of %d bytes is not sent again when only the answer was lost', async (size) => {
  let there = false;
  let received = 0;
  let uploads = 0;
  await using server = await ScriptedServer.start(async (request, response) => {
    for await (const chunk of request as AsyncIterable<Buffer>) received += chunk.byteLength;
    if (request.method === 'HEAD') response.writeHead(there ? 200 : 404).end();
    else if (request.method === 'POST') response.writeHead(202, { location: `/upload/${++uploads}` }).end();
    else if (request.method === 'PATCH') response.writeHead(202, { range: `0-${received - 1}` }).end();
    else if (request.method === 'PUT') {
      there = true;
      request.socket.destroy();
    } else response.writeHead(404).end();
  });
  const source = new MemorySource();
  await using resolver = await openPushing();
  await using pusher = resolver.pusher(`${server.host}/a:1`);
  expect(await pusher.push(source.add(mediaTypes.ociLayer, Buffer.alloc(size, randomBytes(1021))), source)).toBe('pushed');
  expect([uploads, received]).toEqual([1, size]);
});

it('a manifest that is not what it is said to be is not sent', async () => {
  await using server = await ScriptedServer.start((request, response) => {
    request.resume();
    response.writeHead(request.method === 'PUT' ? 201 : 404).end();
  });
  const source = new MemorySource();
  const { manifest } = source.image(Buffer.from('layer'));
  await using resolver = await openPushing();
  await using pusher = resolver.pusher(`${server.host}/a:1`);
  const pushing = pusher.push({ ...manifest, mediaType: mediaTypes.dockerManifest }, source);
  expect(await failureOf(pushing)).toMatchObject({ code: expect.stringMatching(/^MANIFEST_/) as string });
  expect(server.lines().filter((line) => line.startsWith('PUT'))).toEqual([]);
});
