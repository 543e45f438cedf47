import { type ManifestDocument, parsePlatform } from '@slipway/oci';
import { type Descriptor, type Platform, SlipwayError } from '@slipway/plugin-api';
import { describe, expect, it } from 'vitest';
import { chooseManifest } from '../../dist/pull/choose-manifest.js';

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';
const entry = (name: string, platform?: Platform, mediaType = manifestType): Descriptor => ({
  mediaType,
  digest: `sha256:${name.padEnd(64, '0')}`,
  size: 1,
  ...(platform === undefined ? {} : { platform }),
});
const manifest = (config = 'c'): ManifestDocument => ({
  kind: 'manifest',
  mediaType: manifestType,
  manifest: { schemaVersion: 2, config: entry(config), layers: [] },
});
const index = (...manifests: Descriptor[]): ManifestDocument => ({
  kind: 'index',
  mediaType: indexType,
  index: { schemaVersion: 2, manifests },
});
const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64', variant: 'v8' };

/** Documents by the first digit of their digest; configs by that of the manifest's config. */
const choose = (
  documents: Record<string, ManifestDocument | Error>,
  platform: Platform | undefined,
  configs: Record<string, Platform | Error> = {},
) =>
  chooseManifest(entry('t', undefined, indexType), platform, {
    load: async ({ digest }) => orThrow(documents[digest.slice(7, 8)] ?? manifest()),
    platformOf: async ({ config }) => orThrow(configs[config.digest.slice(7, 8)] ?? amd64),
  });
function orThrow<T>(value: T | Error): T {
  if (value instanceof Error) throw value;
  return value;
}
const failure = (kind: 'not-found' | 'failed-precondition' | 'unavailable', code = 'FAKE') =>
  new SlipwayError({ kind, code, message: kind });
const nested = (name: string): Descriptor => entry(name, undefined, indexType);

describe('chooseManifest', () => {
  it('takes a manifest as it is', async () => {
    expect(await choose({}, amd64)).toMatchObject({ path: [] });
  });

  it('goes through an index to the platform and says the way', async () => {
    const chosen = await choose({ t: index(entry('1', arm64), entry('2', amd64)) }, amd64);
    expect(chosen.descriptor.digest).toMatch(/^sha256:2/);
    expect(chosen.path).toMatchObject([{ position: 1 }]);
  });

  it('goes into an index in an index', async () => {
    const documents = { t: index(entry('n', undefined, indexType)), n: index(entry('2', amd64)) };
    expect((await choose(documents, amd64)).path).toHaveLength(2);
  });

  it('lists what there is when the platform is not', async () => {
    await expect(choose({ t: index(entry('1', arm64)) }, { os: 'linux', architecture: 's390x' })).rejects.toMatchObject({
      kind: 'not-found',
      code: 'PLATFORM_NOT_FOUND',
      message: expect.stringContaining('linux/arm64'),
    });
  });

  it('lists only so much of what an index says that it has, and nothing that moves a cursor', async () => {
    const entries = Array.from({ length: 1000 }, (_, at) =>
      entry('1', { os: `\u001b[2J${at}`.padEnd(4000, 'x'), architecture: 'y' }),
    );
    const error = await choose({ t: index(...entries) }, amd64).catch((reason: unknown) => reason as SlipwayError);
    const told = JSON.stringify([(error as SlipwayError).message, (error as SlipwayError).details]);
    expect(told).toContain('and 980 more');
    expect(told).not.toContain('\\u001b');
    expect(told.length).toBeLessThan(20_000);
  });

  it('an empty index is no image', async () => {
    await expect(choose({ t: index() }, amd64)).rejects.toMatchObject({ code: 'PLATFORM_NOT_FOUND' });
  });

  it('an index that is in itself ends', async () => {
    await expect(choose({ t: index(entry('t', undefined, indexType)) }, amd64)).rejects.toMatchObject({
      kind: 'invalid-argument',
      code: 'INDEX_TOO_DEEP',
    });
  });

  it('bug: looked into the first nested index alone', async () => {
    const documents = { t: index(nested('m'), nested('n')), m: index(entry('1', arm64)), n: index(entry('2', amd64)) };
    const chosen = await choose(documents, amd64);
    expect(chosen.descriptor.digest).toMatch(/^sha256:2/);
    expect(chosen.path).toMatchObject([{ position: 1 }, { position: 0 }]);
  });

  it('bug: took the first manifest that does not say what it is for, whatever its config says', async () => {
    const documents = { t: index(entry('1'), entry('2')), 1: manifest('a'), 2: manifest('b') };
    const chosen = await choose(documents, amd64, { a: arm64, b: amd64 });
    expect(chosen.path).toMatchObject([{ position: 1 }]);
  });

  it('takes what says that it is for the platform before what does not', async () => {
    const documents = { t: index(nested('n'), entry('1'), entry('2', amd64)), n: index(entry('3', amd64)) };
    expect((await choose(documents, amd64)).path).toMatchObject([{ position: 2 }]);
  });

  it('goes by an artifact beside the image, and by what is not here and was not chosen', async () => {
    const documents = {
      t: index(entry('1'), entry('2'), entry('3')),
      1: manifest('a'),
      2: failure('not-found'),
      3: manifest('b'),
    };
    const configs = { a: failure('failed-precondition', 'IMAGE_IS_ARTIFACT') };
    expect((await choose(documents, amd64, configs)).path).toMatchObject([{ position: 2 }]);
  });

  it('says what could not be had when nothing else fits', async () => {
    const documents = { t: index(entry('1'), entry('2')), 1: failure('not-found', 'GONE'), 2: manifest('b') };
    await expect(choose(documents, amd64, { b: arm64 })).rejects.toMatchObject({ code: 'GONE' });
    await expect(choose({ ...documents, 1: failure('unavailable', 'DOWN') }, amd64)).rejects.toMatchObject({ code: 'DOWN' });
  });

  it('never falls back from the platform itself because it is not here', async () => {
    const documents = { t: index(entry('1', amd64), entry('2', { os: 'linux', architecture: '386' })), 1: failure('not-found') };
    await expect(choose(documents, amd64)).rejects.toMatchObject({ kind: 'not-found', code: 'FAKE' });
  });

  it('ends on an index of hundreds that say nothing of themselves', async () => {
    const many = Array.from({ length: 300 }, () => entry('1'));
    await expect(choose({ t: index(...many) }, amd64, { c: arm64 })).rejects.toMatchObject({
      kind: 'resource-exhausted',
      code: 'INDEX_TOO_WIDE',
    });
  });

  it.each([
    ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/386'], 1],
    ['linux/amd64', ['linux/amd64/v2', 'linux/386', 'linux/arm64'], 1],
    ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6', 'linux/arm64'], 1],
    ['linux/arm/v6', ['linux/arm/v7', 'linux/arm/v5'], 1],
    ['linux/arm64', ['linux/arm/v7', 'linux/arm64/v8', 'linux/amd64'], 1],
    ['linux/arm64/v9', ['linux/arm/v7', 'linux/arm64'], 1],
    ['linux/arm64', ['linux/amd64', 'linux/arm/v6'], 1],
  ])('for %s of %j the one at %i', async (wanted, offered, position) => {
    const entries = offered.map((platform, at) => entry(String(at), parsePlatform(platform)));
    expect((await choose({ t: index(...entries) }, parsePlatform(wanted))).path).toMatchObject([{ position }]);
  });
});
