import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { imageLayout, type Registry, readImage, startRegistry } from '@slipway/fixtures';
import type { TransferProgress } from '@slipway/plugin-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flipBit } from './damage.ts';
import { blobFile, leftInPlace } from './place.ts';
import { everythingKept, leases } from './store.ts';
import { placesInMemory } from './tmpfs.ts';

const newPlace = placesInMemory();
let registry: Registry;
let other: Registry;
beforeAll(async () => {
  [registry, other] = [await startRegistry({ images: ['demo', 'small'] }), await startRegistry()];
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});
const demo = (): string => `${registry.address}/test/demo:latest`;
const { top, manifest } = readImage(imageLayout('demo'));

interface SlowRegistry extends AsyncDisposable {
  readonly address: string;
  /** Fulfils when a blob is being sent. */
  readonly asked: Promise<void>;
  /** From now on it takes what is sent. */
  open(): void;
  readonly taken: ReadonlyMap<string, Buffer>;
  readonly deleted: string[];
}

/** It has nothing, and leaves each upload waiting until it is opened. */
async function startSlowRegistry(): Promise<SlowRegistry> {
  const [asked, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const taken = new Map<string, Buffer>();
  const deleted: string[] = [];
  let uploads = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '', 'http://slow');
    if (request.method === 'POST') {
      response.writeHead(202, { location: `/v2/x/blobs/uploads/${uploads++}` }).end();
    } else if (request.method === 'PUT') {
      asked.resolve();
      await opened.promise;
      const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
      taken.set(url.searchParams.get('digest') ?? url.pathname.split('/').at(-1) ?? '', body);
      response.writeHead(201).end();
    } else if (request.method === 'DELETE') {
      deleted.push(url.pathname);
      response.writeHead(204).end();
    } else {
      response.writeHead(404).end();
    }
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: asked.promise,
    open: opened.resolve,
    taken,
    deleted,
    [Symbol.asyncDispose]: async () => {
      opened.resolve();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('a push', () => {
  it('keeps what it sends while the image is removed and the store is pruned, and no longer', async () => {
    using place = newPlace();
    await using slow = await startSlowRegistry();
    await using engine = await place.open();
    await using beside = await place.open();
    await engine.pull(demo());
    const pushing = engine.images.push(demo(), { to: `${slow.address}/x:1` });
    await slow.asked;
    const removed = await beside.images.remove(demo());
    expect(removed.content).toEqual([]);
    await beside.system.prune({ all: true, partial: true });
    slow.open();
    expect((await pushing).target.digest).toBe(top.digest);
    const sent = [top.digest, '1', manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)];
    expect(new Set(slow.taken.keys())).toEqual(new Set(sent));
    expect(await leases(place)).toEqual([]);
    await engine.system.prune();
    expect(await everythingKept(place)).toEqual([]);
  });

  it('that is canceled ends within a moment, tells the registry, and leaves nothing', async () => {
    using place = newPlace();
    await using slow = await startSlowRegistry();
    await using engine = await place.open();
    await engine.pull(demo());
    const abort = new AbortController();
    const pushing = engine.images.push(demo(), { to: `${slow.address}/x:1`, signal: abort.signal });
    pushing.catch(() => undefined);
    await slow.asked;
    abort.abort();
    await expect(pushing).rejects.toMatchObject({ kind: 'canceled' });
    expect(slow.deleted.length).toBeGreaterThan(0);
    expect([leftInPlace(place), await leases(place)]).toEqual([[], []]);
    expect((await engine.images.list()).map(({ name }) => name)).toEqual([demo()]);
  });

  it('that ends with the engine is canceled', async () => {
    using place = newPlace();
    await using slow = await startSlowRegistry();
    const engine = await place.open();
    await engine.pull(demo());
    const pushing = engine.images.push(demo(), { to: `${slow.address}/x:1` });
    pushing.catch(() => undefined);
    await slow.asked;
    await engine[Symbol.asyncDispose]();
    await expect(pushing).rejects.toMatchObject({ kind: 'canceled' });
    expect([leftInPlace(place), await leases(place)]).toEqual([[], []]);
  });

  it('of layers that were discarded needs them only where the registry has none', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(demo(), { discardUnpackedLayers: true });
    const mounted = await engine.images.push(demo(), { to: `${registry.address}/discarded/demo:1` });
    expect(mounted).toMatchObject({ target: { digest: top.digest }, sent: 1 });
    const there = `${other.address}/discarded/demo:1`;
    await expect(engine.images.push(demo(), { to: there })).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'IMAGE_CONTENT_MISSING',
      hint: expect.stringContaining('--discard-layers') as string,
    });
    await expect(engine.pull(there)).rejects.toMatchObject({ kind: 'not-found' });
    expect([leftInPlace(place), await leases(place)]).toEqual([[], []]);
  });

  it('of what is damaged here completes nothing, and works after a repair', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(demo());
    const there = `${other.address}/damaged/demo:1`;
    const [layer] = manifest.layers;
    flipBit(blobFile(place, layer?.digest ?? ''));
    await expect(engine.images.push(demo(), { to: there })).rejects.toMatchObject({ kind: 'failed-precondition' });
    await expect(engine.pull(there)).rejects.toMatchObject({ kind: 'not-found' });
    await engine.system.verify({ repair: true });
    const pushed = await engine.images.push(demo(), { to: there });
    expect(pushed.target.digest).toBe(top.digest);
    flipBit(blobFile(place, top.digest));
    await expect(engine.images.push(demo(), { to: there })).rejects.toMatchObject({ kind: 'data-loss' });
  });

  it('tells of each blob what becomes of it, and next time that it is there', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(demo());
    const there = `${other.address}/progress/demo:1`;
    const told = async (): Promise<TransferProgress[]> => {
      const events: TransferProgress[] = [];
      await engine.images.push(demo(), { to: there, onProgress: (event) => events.push(event) });
      return events;
    };
    const first = await told();
    expect(first[0]).toMatchObject({ type: 'blobs', blobs: { length: 1 + manifest.layers.length } });
    const last = new Map(first.flatMap((event) => (event.type === 'blob' ? [[event.digest, event] as const] : [])));
    for (const { digest, size } of [manifest.config, ...manifest.layers])
      expect(last.get(digest)).toMatchObject({ phase: 'sent', current: size, total: size });
    const second = await told();
    expect(second.flatMap((event) => (event.type === 'blob' ? [event.phase] : []))).toEqual(
      Array.from({ length: 1 + manifest.layers.length }, () => 'exists'),
    );
    // Known to be there now, so it is mounted from there.
    const third = await engine.images.push(demo(), { to: `${other.address}/progress/beside:1` });
    expect(third.sent).toBe(1);
  });
});

describe('a tag', () => {
  it('is a further name, moves, and keeps its content when the first one goes', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(demo());
    await engine.pull(`${registry.address}/test/small`);
    const tagged = await engine.images.tag(demo(), 'mine');
    expect(tagged).toMatchObject({ name: 'docker.io/library/mine:latest', target: { digest: top.digest } });
    await engine.images.tag(`${registry.address}/test/small`, 'mine');
    expect((await engine.images.inspect('mine')).target.digest).toBe(readImage(imageLayout('small')).top.digest);
    await engine.images.tag(top.digest.slice(7, 19), 'mine');
    await engine.images.remove(demo());
    await engine.system.prune();
    expect((await engine.system.verify()).problems).toEqual([]);
    expect((await engine.images.inspect('mine')).manifestDigest).toBe(top.digest);
    await expect(engine.images.push(top.digest.slice(7, 19), { to: `${other.address}/x:1` })).resolves.toMatchObject({
      target: { digest: top.digest },
    });
    await engine.images.tag('mine', 'mine:2');
    await expect(engine.images.push(top.digest.slice(7, 19))).rejects.toMatchObject({ code: 'IMAGE_HAS_SEVERAL_NAMES' });
  });

  it('is refused for names that say where content is, and of images that are not here', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(demo());
    for (const name of [`app@${top.digest}`, 'oci:/tmp/layout:app'])
      await expect(engine.images.tag(demo(), name)).rejects.toMatchObject({ kind: 'invalid-argument', code: 'TAG_NAME_INVALID' });
    await expect(engine.images.tag(demo(), 'UPPER')).rejects.toMatchObject({ code: 'REFERENCE_INVALID' });
    await expect(engine.images.tag('nothing', 'app')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    expect(leftInPlace(place)).toEqual([]);
  });

  it('beside removals and prunes of another process is whole or refused', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await using beside = await place.open();
    for (let round = 0; round < 8; round++) {
      await engine.pull(demo());
      const [tagged] = await Promise.allSettled([
        engine.images.tag(demo(), 'kept'),
        beside.images.remove(demo()),
        beside.system.prune(),
      ]);
      const names = (await engine.images.list()).map(({ name }) => name);
      expect(names.includes('docker.io/library/kept:latest')).toBe(tagged.status === 'fulfilled');
      expect((await engine.system.verify()).problems).toEqual([]);
      if (tagged.status === 'fulfilled') await engine.images.remove('kept');
    }
  });
});
