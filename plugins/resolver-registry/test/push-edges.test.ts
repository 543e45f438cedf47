import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { MemorySource, openPushing } from './memory-source.js';
import { failureOf } from './open-resolver.js';
import { ScriptedServer } from './scripted-server.js';
import { UploadRegistry } from './upload-registry.js';

const chunk = 32 * 1024 * 1024;

it.each([0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk])('a blob of %d bytes arrives as it is', async (size) => {
  await using registry = await UploadRegistry.start();
  await using resolver = await openPushing();
  await using pusher = resolver.pusher(`${registry.host}/x:1`);
  const source = new MemorySource();
  const bytes = Buffer.alloc(size, randomBytes(1021));
  const blob = source.add(mediaTypes.ociLayer, bytes);
  expect(await pusher.push(blob, source)).toBe('pushed');
  expect(registry.blobs.get(blob.digest)?.equals(bytes)).toBe(true);
  const sent = registry.server.log.filter(({ headers }) => Number(headers['content-length'] ?? 0) > 0);
  expect(sent.reduce((sum, { headers }) => sum + Number(headers['content-length']), 0)).toBe(size);
});

it('a registry that takes a byte of each chunk is not sent to without an end', async () => {
  let taken = 0;
  await using server = await ScriptedServer.start((request, response) => {
    if (request.method === 'PATCH') taken += 2;
    request.resume();
    if (request.method === 'POST') response.writeHead(202, { location: '/upload/1' }).end();
    else if (request.method === 'PATCH')
      request.once('end', () => response.writeHead(202, { location: '/upload/1', range: `0-${taken - 1}` }).end());
    else response.writeHead(404).end();
  });
  await using resolver = await openPushing();
  await using pusher = resolver.pusher(`${server.host}/x:1`);
  const source = new MemorySource();
  const blob = source.add(mediaTypes.ociLayer, Buffer.alloc(chunk + 200));
  expect(await failureOf(pusher.push(blob, source))).toMatchObject({
    kind: 'failed-precondition',
    code: 'REGISTRY_ANSWER_UNEXPECTED',
  });
  expect(taken).toBe(34);
});

describe('the list of referrers under a tag', () => {
  const subject: Descriptor = { mediaType: mediaTypes.ociManifest, digest: digestOf('subject'), size: 7 };
  const tag = `/v2/x/manifests/${subject.digest.replace(':', '-')}`;
  const other = { mediaType: mediaTypes.ociManifest, digest: digestOf('other'), size: 5 };

  interface Listing {
    index: { manifests: { digest: string }[] };
    readonly mediaTypes: unknown[];
  }

  /** A registry without the referrers API. `atTag` answers in its place, or does something besides. */
  async function listing(
    atTag: (method: string, state: Listing, response: ServerResponse) => boolean | Promise<boolean>,
  ): Promise<readonly [ScriptedServer, Listing]> {
    const state: Listing = { index: { manifests: [] }, mediaTypes: [] };
    const server = await ScriptedServer.start(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
      if (request.url !== tag) return void response.writeHead(request.method === 'PUT' ? 201 : 404).end();
      if (await atTag(request.method ?? '', state, response)) return;
      if (request.method === 'PUT') {
        state.index = JSON.parse(Buffer.concat(pieces).toString());
        state.mediaTypes.push(request.headers['content-type']);
        return void response.writeHead(201).end();
      }
      const body = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, ...state.index };
      response.writeHead(200, { 'content-type': mediaTypes.ociIndex }).end(JSON.stringify(body));
    });
    return [server, state];
  }

  it('is written again where another client has written over it, and keeps what that one wrote', async () => {
    let puts = 0;
    const [server, state] = await listing((method, now) => {
      if (method === 'PUT') puts += 1;
      // After the first one: the other had read the list before we wrote it.
      if (method === 'GET' && puts === 1 && now.index.manifests.length === 1) now.index = { manifests: [other] };
      return false;
    });
    await using _server = server;
    await using resolver = await openPushing();
    await using pusher = resolver.pusher(`${server.host}/x:1`);
    const source = new MemorySource();
    const { manifest } = source.image(Buffer.from('layer'), { subject });
    expect(await pusher.push(manifest, source)).toBe('pushed');
    expect(state.index.manifests.map(({ digest }) => digest)).toEqual([other.digest, manifest.digest]);
    expect(new Set(state.mediaTypes)).toEqual(new Set([mediaTypes.ociIndex]));
  });

  it('is given up after some rounds with one who always writes over it', async () => {
    const [server] = await listing((method, now) => {
      if (method === 'GET') now.index = { manifests: [other] };
      return false;
    });
    await using _server = server;
    await using resolver = await openPushing();
    await using pusher = resolver.pusher(`${server.host}/x:1`);
    const source = new MemorySource();
    const { manifest } = source.image(Buffer.from('layer'), { subject });
    expect(await failureOf(pusher.push(manifest, source))).toMatchObject({
      kind: 'unavailable',
      code: 'REGISTRY_REFERRERS_CONTENDED',
    });
  });

  it('is not waited for by one who is given up, which waited for all before it', async () => {
    const asked = Promise.withResolvers<void>();
    const [server] = await listing(async (_method, _now, response) => {
      asked.resolve();
      await once(response, 'close');
      return true;
    });
    await using _server = server;
    await using resolver = await openPushing({ idle_timeout: 3600 });
    await using pusher = resolver.pusher(`${server.host}/x:1`);
    const source = new MemorySource();
    const [first, second] = ['a', 'b'].map((text) => source.image(Buffer.from(text), { subject }).manifest);
    if (first === undefined || second === undefined) throw new Error('no images');
    const ends = new AbortController();
    const held = failureOf(pusher.push(first, source, { signal: ends.signal }));
    await asked.promise;
    const abort = new AbortController();
    const waiting = failureOf(pusher.push(second, source, { signal: abort.signal }));
    while (server.lines().filter((line) => line.startsWith('PUT')).length < 2) await sleep(10);
    setTimeout(() => abort.abort(), 200);
    expect(await waiting).toMatchObject({ kind: 'canceled' });
    ends.abort();
    expect(await held).toMatchObject({ kind: 'canceled' });
  });
});
