import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Engine } from 'slipway';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  architecture,
  type BuiltImage,
  busyboxLayer,
  describe as describeBytes,
  documentOf,
  imageOf,
  indexOf,
  json,
  types,
} from './bad-input/built-image.ts';
import { WatchedPlace } from './bad-input/refusal.ts';
import { ScriptedRegistry } from './bad-input/scripted-registry.ts';

const busybox = busyboxLayer();
const here = { os: 'linux', architecture };
const other = { os: 'linux', architecture: 's390x' };
const image = imageOf({ layers: [busybox], settings: { Cmd: ['echo', 'ran'] } });
const foreign = imageOf({ layers: [busybox], config: other });

let watched: WatchedPlace;
let registry: ScriptedRegistry;
let engine: Engine;
beforeAll(async () => {
  [watched, registry] = [await WatchedPlace.open(), await ScriptedRegistry.start()];
  engine = await watched.host.engine();
});
afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});

async function outputOf(name: string): Promise<string> {
  const container = await engine.run({ image: name, name: path.basename(watched.place.folder) });
  return (await container.output()).stdout.toString();
}

/** Everything of one image under digests of SHA-512. */
function sha512Image(): BuiltImage {
  const digest = (bytes: Uint8Array): string => `sha512:${createHash('sha512').update(bytes).digest('hex')}`;
  const renamed = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digest(bytes), size: bytes.length });
  const config = json({ ...here, config: { Cmd: ['echo', 'ran'] }, rootfs: { type: 'layers', diff_ids: [busybox.diffId] } });
  const layers = [renamed(types.layer, busybox.blob)];
  const bytes = json({ schemaVersion: 2, mediaType: types.manifest, config: renamed(types.config, config), layers });
  const top = renamed(types.manifest, bytes);
  return {
    top,
    documents: new Map([[top.digest, { mediaType: types.manifest, bytes }]]),
    blobs: new Map([config, busybox.blob].map((blob) => [digest(blob), blob])),
    config: top,
    layers,
  };
}

/** As `docker buildx` pushes: the image, and what is known of how it was made. */
function withAttestation(): BuiltImage {
  const statement = json({ _type: 'https://in-toto.io/Statement/v0.1' });
  const attestation = imageOf({ manifest: { layers: [describeBytes('application/vnd.in-toto+json', statement)] } });
  const { top } = attestation;
  const annotations = { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': image.top.digest };
  const manifests = [
    { ...top, platform: { os: 'unknown', architecture: 'unknown' }, annotations },
    { ...image.top, platform: here },
  ];
  const index = documentOf(types.index, json({ schemaVersion: 2, mediaType: types.index, manifests }));
  return {
    ...index,
    documents: new Map([...index.documents, ...image.documents, ...attestation.documents]),
    blobs: image.blobs,
  };
}

/** The config and the layer stand in the manifest itself, and nowhere else. */
function inlineImage(): BuiltImage {
  const config = [...image.blobs.values()][0] ?? Buffer.alloc(0);
  return imageOf({
    layers: [busybox],
    settings: { Cmd: ['echo', 'ran'] },
    manifest: {
      config: { ...image.config, data: config.toString('base64') },
      layers: [{ ...describeBytes(types.layer, busybox.blob), data: busybox.blob.toString('base64') }],
    },
  });
}

function dockerImage(): BuiltImage {
  const mediaType = 'application/vnd.docker.distribution.manifest.v2+json';
  const config = { ...image.config, mediaType: 'application/vnd.docker.container.image.v1+json' };
  const layers = [describeBytes('application/vnd.docker.image.rootfs.diff.tar.gzip', busybox.blob)];
  const list = documentOf(mediaType, json({ schemaVersion: 2, mediaType, config, layers }));
  return { ...list, blobs: image.blobs };
}

describe('what a tag can be', () => {
  const nested = indexOf([
    { image: indexOf([{ image: foreign, platform: other }]) },
    { image: indexOf([{ image, platform: here }]) },
  ]);
  it.each<[string, BuiltImage]>([
    ['a manifest', image],
    [
      'an index',
      indexOf([
        { image: foreign, platform: other },
        { image, platform: here },
      ]),
    ],
    ['an index whose entries do not say what they are for', indexOf([{ image: foreign }, { image }])],
    ['indexes in an index, of which the second has it', nested],
    ['an index with an attestation', withAttestation()],
    ["a manifest of Docker's schema 2", dockerImage()],
    ['a manifest under digests of SHA-512', sha512Image()],
  ])('%s: runs', async (_what, built) => {
    const name = registry.serve('shape', built);
    expect(await outputOf(name)).toBe('ran\n');
    // Also from what is here alone.
    expect((await engine.images.inspect(name)).target.digest).toBe(built.top.digest);
    await engine.images.remove(name);
  });

  it('a manifest whose config and layer are in it: nothing else is asked for', async () => {
    const name = registry.serve('inline', inlineImage(), (request, response) => {
      if (!request.url?.includes('/blobs/')) return false;
      response.writeHead(500).end();
      return true;
    });
    expect(await outputOf(name)).toBe('ran\n');
    await engine.images.remove(name);
  });
});

describe('what is no image', () => {
  const emptyConfig = { mediaType: 'application/vnd.oci.empty.v1+json', ...rest(describeBytes('', json({}))), data: 'e30=' };
  function rest({ digest, size }: { readonly digest: string; readonly size: number }) {
    return { digest, size };
  }
  it.each<[string, object, string]>([
    ['an artifact', { artifactType: 'application/vnd.example.sbom', config: emptyConfig }, 'application/vnd.example.sbom'],
    [
      'a chart',
      { config: { ...emptyConfig, mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
      'application/vnd.cncf.helm.config.v1+json',
    ],
  ])('%s: is said to be one, and nothing of it stays', async (_what, manifest, type) => {
    const name = registry.serve('artifact', imageOf({ manifest: { layers: [], ...manifest } }));
    for (const command of ['pull', 'run']) {
      await watched.refuses([command, name], {
        kind: 'failed-precondition',
        code: 'IMAGE_IS_ARTIFACT',
        names: [type],
        hint: 'slipway copy',
      });
    }
  });

  it('an index for other platforms: says which', async () => {
    const name = registry.serve('others', indexOf([{ image: foreign, platform: other }]));
    await watched.refuses(['pull', name], { kind: 'not-found', code: 'PLATFORM_NOT_FOUND', names: ['linux/s390x'] });
  });
});
