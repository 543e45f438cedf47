import { type ImageArchive, memoryFile } from '@slipway/archives';
import { digestOf, mediaTypes } from '@slipway/oci';
import type { Descriptor, Digest } from '@slipway/plugin-api';
import { expect, test } from 'vitest';
import { archivedManifests } from '../../dist/images/archive/archived-manifests.js';

const content = new Map<Digest, Buffer>();
let opened = 0;
const archive: ImageArchive = {
  kind: 'oci',
  what: 'archive "made"',
  images: [],
  entries: [],
  open: async (digest) => {
    opened++;
    const bytes = content.get(digest);
    return bytes === undefined ? undefined : memoryFile(bytes);
  },
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

function put(mediaType: string, document: object): Descriptor {
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = digestOf(bytes);
  content.set(digest, bytes);
  return { mediaType, digest, size: bytes.length };
}

const index = (manifests: readonly Descriptor[]): Descriptor => put(mediaTypes.ociIndex, { schemaVersion: 2, manifests });
const config = put(mediaTypes.ociConfig, {});
const manifest = put(mediaTypes.ociManifest, { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] });
const times = (count: number, one: Descriptor): Descriptor[] => Array.from({ length: count }, () => one);

test('indexes that list one index a thousand times, level by level, are read once each', async () => {
  const absent = { ...manifest, digest: `sha256:${'0'.repeat(64)}` };
  let target = index([...times(999, absent), manifest]);
  for (let level = 0; level < 3; level++) target = index(times(1000, target));
  opened = 0;
  const found = await archivedManifests(archive, target, undefined);
  expect(found.map(({ descriptor, path }) => [descriptor.digest, path.length])).toEqual([[manifest.digest, 4]]);
  expect(opened).toBeLessThan(10);
});

test('a manifest in two indexes is found in both, and an index also where it lies deeper elsewhere', async () => {
  const [one, other] = [index([manifest]), index([manifest, config])];
  const found = await archivedManifests(archive, index([index([index([one])]), one, other]), undefined);
  expect(found.map(({ path }) => path.at(-1)?.index.digest)).toEqual([one.digest, one.digest, other.digest]);
});

test('what is aborted is read no further', async () => {
  await expect(archivedManifests(archive, index([manifest]), AbortSignal.abort())).rejects.toMatchObject({ kind: 'canceled' });
});
