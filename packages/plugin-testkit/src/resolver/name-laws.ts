import assert from 'node:assert/strict';
import { isSlipwayError } from '@slipway/plugin-api';
import { absent } from '../content/bytes.js';
import { expectKind } from '../expect-kind.js';
import type { Law } from '../law.js';
import { imageOf, indexOf } from './image.js';
import type { ResolverBench, ResolverFiles } from './origin.js';

const badNames = [
  '',
  ' ',
  'UPPER/Case/',
  'a b',
  'https://example.com/image',
  'example.com/image:',
  'example.com/image:bad tag',
  `example.com/image:${'t'.repeat(129)}`,
  'example.com/image@',
  'example.com/image@sha256:short',
  'example.com/image@sha256:../../x',
  'example.com/../image',
  'example.com//image',
  `example.com/${'x'.repeat(300)}`,
  'example.com:port/image',
  'image\n',
  'a'.repeat(5000),
];

/** From a name to a descriptor. */
export function nameLaws(law: Law<ResolverBench>, files: ResolverFiles | undefined): void {
  law('a tag resolves to what it means, and the whole name is given', async ({ instance: { resolver, origin } }) => {
    const image = imageOf({ tag: 'v1' });
    await origin.publish('team/app', image);
    const { name, descriptor } = await resolver.resolve(`${origin.name('team/app')}:v1`);
    assert.deepEqual(descriptor, image.manifest.descriptor);
    assert.equal(name, `${origin.name('team/app')}:v1`);
    assert.deepEqual(await resolver.resolve(name), { name, descriptor });
  });

  if (files === undefined) defaultTagLaw(law);

  law('an index is given as it is', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('app', image);
    const index = indexOf([image], 'multi');
    await origin.publish('app', index);
    assert.deepEqual((await resolver.resolve(`${origin.name('app')}:multi`)).descriptor, index.manifest.descriptor);
  });

  law('a name means what it means now, not what it meant before', async ({ instance: { resolver, origin } }) => {
    for (const seed of [1, 2, 1]) {
      const image = imageOf({ seed });
      await origin.publish('app', image);
      assert.deepEqual((await resolver.resolve(origin.name('app'))).descriptor, image.manifest.descriptor);
    }
  });

  law('a name with a digest resolves to that digest', async ({ instance: { resolver, origin } }) => {
    const [old, current] = [imageOf({ seed: 1 }), imageOf({ seed: 2 })];
    for (const image of [old, current]) await origin.publish('app', image);
    const { digest } = old.manifest.descriptor;
    for (const name of [`${origin.name('app')}@${digest}`, `${origin.name('app')}:latest@${digest}`]) {
      const resolved = await resolver.resolve(name);
      assert.deepEqual(resolved.descriptor, old.manifest.descriptor);
      assert.ok(resolved.name.endsWith(`@${digest}`), resolved.name);
    }
  });

  law('a name with a digest that is not there resolves to nothing else', async ({ instance: { resolver, origin } }) => {
    await origin.publish('app', imageOf());
    await origin.publish('other', imageOf({ seed: 2 }));
    for (const digest of [absent, imageOf({ seed: 2 }).manifest.descriptor.digest]) {
      await expectKind(resolver.resolve(`${origin.name('app')}@${digest}`), 'not-found');
      await expectKind(resolver.resolve(`${origin.name('app')}:latest@${digest}`), 'not-found');
    }
  });

  law('what is missing is not-found, and the code says what', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('app', image);
    const fetcher = resolver.fetcher(origin.name('app'));
    const codes = new Set<string>();
    const attempts: (() => Promise<unknown>)[] = [
      () => resolver.resolve(`${origin.name('app')}:none`),
      () => resolver.resolve(origin.name('none')),
      () => resolver.resolve(`${origin.name('app')}@${absent}`),
      () => fetcher.fetch({ ...image.layer.descriptor, digest: absent }),
    ];
    for (const attempt of attempts) {
      const error: unknown = await attempt().catch((reason: unknown) => reason);
      await expectKind(Promise.reject(error), 'not-found');
      if (isSlipwayError(error)) codes.add(error.code);
    }
    assert.equal(codes.size, 4, [...codes].join(', '));
  });

  law('a bad name is invalid-argument, and nobody is asked', async ({ instance: { resolver, origin } }) => {
    const before = origin.requests();
    for (const name of files?.badNames ?? badNames) {
      await expectKind(resolver.resolve(name), 'invalid-argument');
      const fetch = async (): Promise<unknown> => await resolver.fetcher(name).fetch(imageOf().layer.descriptor);
      await expectKind(fetch(), 'invalid-argument');
    }
    assert.equal(origin.requests(), before);
  });

  law('many names are resolved at once', async ({ instance: { resolver, origin } }) => {
    const images = Array.from({ length: 10 }, (_, index) => imageOf({ tag: `t${index}`, seed: index + 1, size: 100 }));
    for (const image of images) await origin.publish('app', image);
    const resolved = await Promise.all(
      Array.from({ length: 40 }, (_, index) => resolver.resolve(`${origin.name('app')}:t${index % 10}`)),
    );
    for (const [index, { descriptor }] of resolved.entries()) {
      assert.deepEqual(descriptor, images[index % 10]?.manifest.descriptor);
    }
  });
}

function defaultTagLaw(law: Law<ResolverBench>): void {
  law('a name without a tag means "latest"', async ({ instance: { resolver, origin } }) => {
    const image = imageOf();
    await origin.publish('app', image);
    await origin.publish('app', imageOf({ tag: 'other', seed: 2 }));
    const { name, descriptor } = await resolver.resolve(origin.name('app'));
    assert.equal(name, `${origin.name('app')}:latest`);
    assert.deepEqual(descriptor, image.manifest.descriptor);
  });
}
