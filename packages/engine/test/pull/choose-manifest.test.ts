import type { ManifestDocument } from '@slipway/oci';
import type { Descriptor, Platform } from '@slipway/plugin-api';
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
const manifest = (): ManifestDocument => ({
  kind: 'manifest',
  mediaType: manifestType,
  manifest: { schemaVersion: 2, config: entry('c'), layers: [] },
});
const index = (...manifests: Descriptor[]): ManifestDocument => ({
  kind: 'index',
  mediaType: indexType,
  index: { schemaVersion: 2, manifests },
});
const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64', variant: 'v8' };

const choose = (documents: Record<string, ManifestDocument>, platform: Platform | undefined) =>
  chooseManifest(entry('t', undefined, indexType), platform, async ({ digest }) => documents[digest.slice(7, 8)] ?? manifest());

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

  it('an empty index is no image', async () => {
    await expect(choose({ t: index() }, amd64)).rejects.toMatchObject({ code: 'PLATFORM_NOT_FOUND' });
  });

  it('an index that is in itself ends', async () => {
    await expect(choose({ t: index(entry('t', undefined, indexType)) }, amd64)).rejects.toMatchObject({
      kind: 'invalid-argument',
      code: 'INDEX_TOO_DEEP',
    });
  });
});
