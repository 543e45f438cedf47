import assert from 'node:assert/strict';
import { digestOf, mediaTypes } from '@slipway/oci';
import { type Descriptor, type Pusher, type Resolver, SlipwayError } from '@slipway/plugin-api';
import { assertBytes } from '../assert-bytes.js';
import { becomes } from '../becomes.js';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { imageOf, indexOf, published, readBody, type SmallImage } from './image.js';
import type { PublishedContent, ResolverBench, ResolverFiles } from './origin.js';
import { PushSource } from './push-source.js';

/** What of a resolver pushes; its capability says that it is there. */
export function pusherFor(resolver: Resolver, name: string): Pusher {
  assert.ok(resolver.pusher !== undefined, 'the capability "push" is claimed and there is no pusher');
  return resolver.pusher(name);
}

const contentOf = (image: SmallImage): PublishedContent[] => [...image.blobs, image.manifest];

async function pushAll(pusher: Pusher, source: PushSource, content: readonly PublishedContent[]): Promise<void> {
  for (const { descriptor } of content) await pusher.push(descriptor, source);
}

const unavailable = (): SlipwayError =>
  new SlipwayError({ kind: 'unavailable', code: 'SOURCE_BROKE', message: 'the source broke off' });

/** Capability `push`: from bytes to a name. */
export function pushLaws(law: Law<ResolverBench>, files: ResolverFiles | undefined): void {
  if (files?.pushed !== 'when-complete') blobLaws(law);
  if (files === undefined) stalledPushLaws(law);

  law('what is pushed has a name after complete, and the whole of it is there', async ({ instance: { resolver, origin } }) => {
    const image = imageOf({ size: 1_500_000 });
    const name = `${origin.name('app')}:pushed`;
    await using pusher = pusherFor(resolver, name);
    const source = new PushSource(...contentOf(image));
    for (const { descriptor } of contentOf(image)) assert.equal(await pusher.push(descriptor, source), 'pushed');
    await expectKind(resolver.resolve(name), 'not-found');
    await pusher.complete(image.manifest.descriptor);
    assert.deepEqual((await resolver.resolve(name)).descriptor, image.manifest.descriptor);
    const fetcher = resolver.fetcher(name);
    for (const { descriptor, bytes } of contentOf(image)) {
      await using content = await fetcher.fetch(descriptor);
      assertBytes(await readBody(content), bytes);
    }
  });

  law('a name means what it meant until another push is complete', async ({ instance: { resolver, origin } }) => {
    const [old, next] = [imageOf({ seed: 1 }), imageOf({ seed: 2 })];
    await origin.publish('app', old);
    const name = `${origin.name('app')}:latest`;
    await using pusher = pusherFor(resolver, name);
    await pushAll(pusher, new PushSource(...contentOf(next)), contentOf(next));
    assert.deepEqual((await resolver.resolve(name)).descriptor, old.manifest.descriptor);
    await pusher.complete(next.manifest.descriptor);
    assert.deepEqual((await resolver.resolve(name)).descriptor, next.manifest.descriptor);
  });

  law('what is there is not sent again', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('app', image);
    await using pusher = pusherFor(resolver, `${origin.name('app')}:again`);
    const source = new PushSource(...contentOf(image));
    for (const { descriptor } of contentOf(image)) assert.equal(await pusher.push(descriptor, source), 'exists');
    for (const { descriptor } of image.blobs) assert.equal(source.opened.get(descriptor.digest), undefined);
    await pusher.complete(image.manifest.descriptor);
    assert.deepEqual((await resolver.resolve(`${origin.name('app')}:again`)).descriptor, image.manifest.descriptor);
  });

  law('an index is pushed after its manifests', async ({ instance: { resolver, origin } }) => {
    const images = [imageOf({ seed: 1 }), imageOf({ seed: 2 })];
    const index = indexOf(images, 'multi');
    const content = [...images.flatMap(contentOf), index.manifest];
    const name = `${origin.name('app')}:multi`;
    await using pusher = pusherFor(resolver, name);
    await pushAll(pusher, new PushSource(...content), content);
    await pusher.complete(index.manifest.descriptor);
    assert.deepEqual((await resolver.resolve(name)).descriptor, index.manifest.descriptor);
  });

  law('bytes that do not match their descriptor never get its digest', async ({ instance: { resolver, origin } }) => {
    const name = `${origin.name('app')}:bad`;
    await origin.publish('app', imageOf());
    await using pusher = pusherFor(resolver, name);
    const other = imageOf({ seed: 7, size: 500_000 });
    const damages: readonly ((bytes: Buffer) => Buffer)[] = [
      (bytes) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]),
      (bytes) => bytes.subarray(0, -1),
      (bytes) => Buffer.concat([bytes, Buffer.from('x')]),
    ];
    for (const damage of damages) {
      for (const { descriptor, bytes } of [other.layer, other.manifest]) {
        const source = new PushSource(...contentOf(other));
        source.put(descriptor, damage(bytes));
        await expectKind(pusher.push(descriptor, source), 'failed-precondition');
        await expectKind(resolver.fetcher(name).fetch(descriptor), 'not-found');
      }
    }
  });

  law('a source that always breaks off is unavailable after a while', async ({ instance: { resolver, origin } }) => {
    const image = imageOf({ size: 1_000_000 });
    const source = new PushSource(image.layer);
    source.before = (position) => {
      if (position >= 500_000) throw unavailable();
    };
    await using pusher = pusherFor(resolver, `${origin.name('app')}:1`);
    await expectKind(pusher.push(image.layer.descriptor, source), 'unavailable');
    await becomes(() => origin.active() === 0, 'a request is left open');
  });

  law('what the source lacks is told as the source tells it', async ({ instance: { resolver, origin } }) => {
    await using pusher = pusherFor(resolver, `${origin.name('app')}:1`);
    const { descriptor } = imageOf().layer;
    await assert.rejects(pusher.push(descriptor, new PushSource()), { code: 'SOURCE_LACKS_IT' });
    await becomes(() => origin.active() === 0, 'a request is left open');
  });

  law('what is sent is told, up to all of it', async ({ instance: { resolver, origin } }) => {
    const { layer } = imageOf({ size: 1_000_000 });
    const told: number[] = [];
    await using pusher = pusherFor(resolver, `${origin.name('app')}:1`);
    await pusher.push(layer.descriptor, new PushSource(layer), { onProgress: (bytes) => told.push(bytes) });
    assert.equal(told.at(-1), 1_000_000);
    assert.deepEqual(
      told.toSorted((a, b) => a - b),
      told,
    );
  });

  law('a name with a digest is given to nothing else', async ({ instance: { resolver, origin } }) => {
    const [image, other] = [imageOf({ seed: 1 }), imageOf({ seed: 2 })];
    const content = [...contentOf(image), ...contentOf(other)];
    await using pusher = pusherFor(resolver, `${origin.name('app')}:1@${image.manifest.descriptor.digest}`);
    await pushAll(pusher, new PushSource(...content), content);
    await expectKind(pusher.complete(other.manifest.descriptor), 'failed-precondition');
    await expectKind(resolver.resolve(`${origin.name('app')}:1`), 'not-found');
  });

  law('a pusher asks nobody before it pushes, and a digest that is none never', async ({ instance: { resolver, origin } }) => {
    const before = origin.requests();
    await using pusher = pusherFor(resolver, `${origin.name('app')}:1`);
    const { layer } = imageOf();
    for (const digest of ['sha256:../../x', 'md5:d41d8cd98f00b204e9800998ecf8427e', '']) {
      await expectKind(pusher.push({ ...layer.descriptor, digest }, new PushSource(layer)), 'invalid-argument');
    }
    await expectKind(pusher.push(layer.descriptor, new PushSource(layer), { signal: AbortSignal.abort() }), 'canceled');
    assert.equal(origin.requests(), before);
  });
}

/** A blob can be had as soon as it is pushed. */
function blobLaws(law: Law<ResolverBench>): void {
  law('a source that breaks off is read again', async ({ instance: { resolver, origin } }) => {
    const image = imageOf({ size: 1_000_000 });
    const { descriptor, bytes } = image.layer;
    const source = new PushSource(image.layer);
    source.before = (position, opened) => {
      if (opened < 3 && position >= 500_000) throw unavailable();
    };
    await using pusher = pusherFor(resolver, `${origin.name('app')}:1`);
    assert.equal(await pusher.push(descriptor, source), 'pushed');
    await using content = await resolver.fetcher(origin.name('app')).fetch(descriptor);
    assertBytes(await readBody(content), bytes);
  });

  law('a hint where it may be found is no more than a hint', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('from', image);
    const source = new PushSource(...contentOf(image), imageOf({ seed: 2 }).layer);
    await using pusher = pusherFor(resolver, `${origin.name('to')}:1`);
    const from = ['elsewhere.test/from', origin.name('none'), origin.name('from')];
    for (const { descriptor } of image.blobs) {
      const outcome = await pusher.push(descriptor, source, { from });
      assert.equal(source.opened.has(descriptor.digest), outcome === 'pushed', outcome);
    }
    const { descriptor, bytes } = imageOf({ seed: 2 }).layer;
    assert.equal(await pusher.push(descriptor, source, { from }), 'pushed');
    await using content = await resolver.fetcher(origin.name('to')).fetch(descriptor);
    assertBytes(await readBody(content), bytes);
    await using mounted = await resolver.fetcher(origin.name('to')).fetch(image.layer.descriptor);
    assertBytes(await readBody(mounted), image.layer.bytes);
  });

  law('much is pushed at once', async ({ instance: { resolver, origin } }) => {
    const layers = Array.from({ length: 8 }, (_, index) => imageOf({ seed: index + 1, size: 200_000 }).layer);
    const source = new PushSource(...layers);
    await using pusher = pusherFor(resolver, `${origin.name('app')}:1`);
    await Promise.all([...layers, ...layers].map(({ descriptor }) => pusher.push(descriptor, source)));
    for (const { descriptor, bytes } of layers) {
      await using content = await resolver.fetcher(origin.name('app')).fetch(descriptor);
      assertBytes(await readBody(content), bytes);
    }
  });

  law('an empty blob is pushed', async ({ instance: { resolver, origin } }) => {
    const empty = published(mediaTypes.ociLayer, Buffer.alloc(0));
    await using pusher = pusherFor(resolver, `${origin.name('app')}:1`);
    assert.equal(await pusher.push(empty.descriptor, new PushSource(empty)), 'pushed');
    await using content = await resolver.fetcher(origin.name('app')).fetch(empty.descriptor);
    assert.equal(digestOf(await readBody(content)), empty.descriptor.digest);
  });
}

function stalledPushLaws(law: Law<ResolverBench>): void {
  law('a push that is canceled ends, and so does one whose pusher is disposed', async ({ instance: { resolver, origin } }) => {
    const { layer } = imageOf();
    origin.stall(0);
    const stops: ((pusher: Pusher, abort: AbortController) => Promise<void>)[] = [
      async (_pusher, abort) => abort.abort(),
      async (pusher) => await pusher[Symbol.asyncDispose](),
    ];
    for (const stop of stops) {
      const abort = new AbortController();
      await using pusher = pusherFor(resolver, `${origin.name('app')}:1`);
      const before = origin.requests();
      const pushing = pusher.push(layer.descriptor, new PushSource(layer), { signal: abort.signal });
      pushing.catch(() => undefined);
      await becomes(() => origin.requests() > before, 'the origin was not asked');
      await stop(pusher, abort);
      await expectKind(pushing, 'canceled');
      await becomes(() => origin.active() === 0, 'the request was not given up');
    }
  });
}

/** Capability `referrers`, with what `push` brings there. */
export function referrersLaws(law: Law<ResolverBench>, files: ResolverFiles | undefined): void {
  if (files?.pushed !== 'when-complete') listedReferrersLaw(law);

  law('what refers to nothing has no referrers', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('app', image);
    assert.deepEqual(await list(resolver, origin.name('app'), image.manifest.descriptor.digest), []);
    assert.deepEqual(await list(resolver, `${origin.name('app')}:latest`, image.layer.descriptor.digest), []);
  });

  law('a list that is canceled ends', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('app', image);
    const { digest } = image.manifest.descriptor;
    const before = origin.requests();
    await expectKind(list(resolver, origin.name('app'), digest, { signal: AbortSignal.abort() }), 'canceled');
    await expectKind(list(resolver, origin.name('app'), 'sha256:../../x'), 'invalid-argument');
    assert.equal(origin.requests(), before);
  });
}

function list(resolver: Resolver, ...asked: Parameters<NonNullable<Resolver['referrers']>>): Promise<readonly Descriptor[]> {
  assert.ok(resolver.referrers !== undefined, 'the capability "referrers" is claimed and there is no such method');
  return resolver.referrers(...asked);
}

function listedReferrersLaw(law: Law<ResolverBench>): void {
  law('what was pushed with a subject is listed for it, with its type, each once', async ({ instance: { resolver, origin } }) => {
    const [image, other] = [imageOf({ seed: 1 }), imageOf({ seed: 2 })];
    for (const one of [image, other]) await origin.publish('app', one);
    const empty = published(mediaTypes.ociEmpty, Buffer.from('{}'));
    const artifact = (artifactType: string, subject: Descriptor, note: string): PublishedContent => {
      const document = {
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        artifactType,
        config: empty.descriptor,
        layers: [empty.descriptor],
        subject,
        annotations: { note },
      };
      return published(mediaTypes.ociManifest, Buffer.from(JSON.stringify(document)));
    };
    const subject = image.manifest.descriptor;
    const artifacts = [
      artifact('application/vnd.test.signature', subject, 'one'),
      artifact('application/vnd.test.sbom', subject, 'two'),
      artifact('application/vnd.test.sbom', other.manifest.descriptor, 'three'),
    ];
    const source = new PushSource(empty, ...artifacts);
    await using pusher = pusherFor(resolver, `${origin.name('app')}:artifacts`);
    await pushAll(pusher, source, [empty, ...artifacts, ...artifacts]);
    const listed = await list(resolver, origin.name('app'), subject.digest);
    const said = listed.map(({ digest, size, artifactType, annotations }) => ({
      digest,
      size,
      artifactType,
      note: annotations?.['note'],
    }));
    const expected = artifacts.slice(0, 2).map(({ descriptor: { digest, size } }, index) => ({
      digest,
      size,
      artifactType: ['application/vnd.test.signature', 'application/vnd.test.sbom'][index],
      note: ['one', 'two'][index],
    }));
    const byDigest = (a: { digest: string }, b: { digest: string }): number => (a.digest < b.digest ? -1 : 1);
    assert.deepEqual(said.toSorted(byDigest), expected.toSorted(byDigest));
    const filtered = await list(resolver, origin.name('app'), subject.digest, { artifactType: 'application/vnd.test.sbom' });
    assert.deepEqual(
      filtered.map(({ digest }) => digest),
      [artifacts[1]?.descriptor.digest],
    );
    const ofOther = await list(resolver, origin.name('app'), other.manifest.descriptor.digest);
    assert.deepEqual(
      ofOther.map(({ digest }) => digest),
      [artifacts[2]?.descriptor.digest],
    );
  });
}
