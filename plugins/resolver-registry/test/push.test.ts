import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor } from '@slipway/plugin-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DockerRegistry } from './docker-registry.js';
import { MemorySource, openPushing } from './memory-source.js';
import { failureOf, readAll } from './open-resolver.js';

describe('push to a real registry', () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await DockerRegistry.start();
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it('gives a name to an image that then resolves and reads as it was', async () => {
    const source = new MemorySource();
    const bytes = randomBytes(3_000_000);
    const { layer, config, manifest } = source.image(bytes);
    await using resolver = await openPushing();
    const name = `${registry.host}/push/app:1`;
    await using pusher = resolver.pusher(name);
    const seen: number[] = [];
    expect(await pusher.push(layer, source, { onProgress: (sent) => seen.push(sent) })).toBe('pushed');
    expect(seen.at(-1)).toBe(bytes.length);
    expect(await pusher.push(config, source)).toBe('pushed');
    expect(await pusher.push(manifest, source)).toBe('pushed');
    expect(await failureOf(resolver.resolve(name))).toMatchObject({ kind: 'not-found' });
    await pusher.complete(manifest);
    expect((await resolver.resolve(name)).descriptor).toEqual(manifest);
    await using content = await resolver.fetcher(name).fetch(layer);
    expect(digestOf(await readAll(content.body))).toBe(layer.digest);

    source.reads.length = 0;
    for (const descriptor of [layer, config, manifest]) expect(await pusher.push(descriptor, source)).toBe('exists');
    expect(source.reads.map(({ digest }) => digest)).toEqual([manifest.digest]);
  });

  it('takes a blob from another repository without sending it', async () => {
    const source = new MemorySource();
    const { layer } = source.image(randomBytes(500_000));
    await using resolver = await openPushing();
    await using first = resolver.pusher(`${registry.host}/mount/from:1`);
    await first.push(layer, source);
    source.reads.length = 0;
    await using second = resolver.pusher(`${registry.host}/mount/to:1`);
    const from = ['other.example.com/mount/from', `${registry.host}/mount/none`, `${registry.host}/mount/from`];
    expect(await second.push(layer, source, { from })).toBe('mounted');
    expect(source.reads).toEqual([]);
    await using third = resolver.pusher(`${registry.host}/mount/third:1`);
    expect(await third.push(layer, source, { from: [`${registry.host}/mount/none`] })).toBe('pushed');
  });

  it('sends a large blob in chunks', async () => {
    const source = new MemorySource();
    const bytes = Buffer.alloc(80_000_000, randomBytes(1_000_003));
    const layer = source.add(mediaTypes.ociLayer, bytes);
    await using resolver = await openPushing();
    for (const isSequential of [false, true]) {
      source.isSequential = isSequential;
      const name = `${registry.host}/chunks/${isSequential}:1`;
      await using pusher = resolver.pusher(name);
      expect(await pusher.push(layer, source)).toBe('pushed');
      await using content = await resolver.fetcher(name).fetch(layer);
      expect(digestOf(await readAll(content.body))).toBe(layer.digest);
    }
    expect(source.reads.filter(({ offset }) => offset > 0)).toHaveLength(2 + 1);
  });

  it('completes nothing that does not match', async () => {
    const source = new MemorySource();
    await using resolver = await openPushing();
    const name = `${registry.host}/damaged/app:1`;
    await using pusher = resolver.pusher(name);
    const cases: ((bytes: Buffer) => Buffer)[] = [
      (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]),
      (bytes) => bytes.subarray(0, -1),
      (bytes) => Buffer.concat([bytes, Buffer.from('x')]),
    ];
    for (const change of cases) {
      for (const size of [0, 10, 2_500_000, 40_000_000]) {
        const layer = source.add(mediaTypes.ociLayer, randomBytes(size));
        source.damage(layer.digest, size === 0 ? (bytes) => Buffer.concat([bytes, Buffer.from('x')]) : change);
        expect(await failureOf(pusher.push(layer, source))).toMatchObject({
          kind: 'failed-precondition',
          code: 'PUSH_CONTENT_MISMATCH',
        });
        await expect(resolver.fetcher(name).fetch(layer)).rejects.toMatchObject({ kind: 'not-found' });
      }
    }
    const { manifest } = source.image(Buffer.from('layer'));
    source.damage(manifest.digest, (bytes) => Buffer.from(bytes.toString().replace('2', '3')));
    expect(await failureOf(pusher.push(manifest, source))).toMatchObject({ kind: 'failed-precondition' });
  }, 120_000);

  it('pushes what is empty', async () => {
    const source = new MemorySource();
    const layer = source.add(mediaTypes.ociLayer, Buffer.alloc(0));
    await using resolver = await openPushing();
    await using pusher = resolver.pusher(`${registry.host}/empty/app:1`);
    expect(await pusher.push(layer, source)).toBe('pushed');
    expect(await pusher.push(layer, source)).toBe('exists');
  });

  it('says what the registry lacks of a manifest', async () => {
    const source = new MemorySource();
    const { manifest } = source.image(randomBytes(100));
    await using resolver = await openPushing();
    await using pusher = resolver.pusher(`${registry.host}/lacking/app:1`);
    expect(await failureOf(pusher.push(manifest, source))).toMatchObject({
      kind: 'failed-precondition',
      code: 'REGISTRY_CONTENT_MISSING',
      hint: expect.stringContaining('push again') as string,
    });
  });

  it('pushes an index after its manifests, and a name with a digest', async () => {
    const source = new MemorySource();
    const images = [1, 2].map(() => source.image(randomBytes(1000)));
    const manifests = images.map(({ manifest }) => manifest);
    const index = source.addJson(mediaTypes.ociIndex, { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
    await using resolver = await openPushing();
    await using pusher = resolver.pusher(`${registry.host}/multi/app@${index.digest}`);
    for (const { layer, config, manifest } of images)
      for (const descriptor of [layer, config, manifest]) await pusher.push(descriptor, source);
    await pusher.push(index, source);
    await pusher.complete(index);
    expect((await resolver.resolve(`${registry.host}/multi/app@${index.digest}`)).descriptor).toEqual(index);
    expect(await failureOf(pusher.complete(manifests[0] as Descriptor))).toMatchObject({
      kind: 'failed-precondition',
      code: 'REGISTRY_NAME_IS_OTHER_DIGEST',
    });
    await using tagged = resolver.pusher(`${registry.host}/multi/app:later`);
    await tagged.complete(index);
    expect((await resolver.resolve(`${registry.host}/multi/app:later`)).descriptor).toEqual(index);
  });

  it('takes blobs of sha512', async () => {
    const source = new MemorySource();
    const layer = source.add(mediaTypes.ociLayer, randomBytes(100_000), 'sha512');
    await using resolver = await openPushing();
    const name = `${registry.host}/sha512/app:1`;
    await using pusher = resolver.pusher(name);
    expect(await pusher.push(layer, source)).toBe('pushed');
    await using content = await resolver.fetcher(name).fetch(layer);
    expect(digestOf(await readAll(content.body), 'sha512')).toBe(layer.digest);
  });

  it('keeps the list of referrers under a tag where the registry has no API', async () => {
    const source = new MemorySource();
    const { layer, config, manifest } = source.image(randomBytes(1000));
    await using resolver = await openPushing();
    const name = `${registry.host}/referred/app:1`;
    await using pusher = resolver.pusher(name);
    for (const descriptor of [layer, config, manifest]) await pusher.push(descriptor, source);
    expect(await resolver.referrers(name, manifest.digest)).toEqual([]);

    const empty = source.add(mediaTypes.ociEmpty, Buffer.from('{}'));
    await pusher.push(empty, source);
    const artifacts = ['signature', 'sbom', 'sbom'].map((kind, number) => {
      const artifactType = `application/vnd.example.${kind}`;
      const annotations = { number: String(number) };
      const document = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, artifactType, config: empty, layers: [empty] };
      const descriptor = source.addJson(mediaTypes.ociManifest, { ...document, subject: manifest, annotations });
      return { ...descriptor, artifactType, annotations };
    });
    await Promise.all(artifacts.map((artifact) => pusher.push(artifact, source)));
    const listed = await resolver.referrers(name, manifest.digest);
    expect(new Set(listed)).toEqual(new Set(artifacts));
    expect(await resolver.referrers(name, manifest.digest, { artifactType: 'application/vnd.example.signature' })).toEqual([
      artifacts[0],
    ]);
    await pusher.push(artifacts[1] as Descriptor, source);
    expect(await resolver.referrers(name, manifest.digest)).toHaveLength(3);
  });

  it('pushes much at once', async () => {
    const source = new MemorySource();
    const layers = Array.from({ length: 12 }, () => source.add(mediaTypes.ociLayer, randomBytes(400_000)));
    await using resolver = await openPushing();
    await using pusher = resolver.pusher(`${registry.host}/many/app:1`);
    expect(await Promise.all(layers.map((layer) => pusher.push(layer, source)))).toEqual(layers.map(() => 'pushed'));
  });
});
