import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Container, Engine } from 'slipway';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  architecture,
  type BuiltImage,
  busyboxLayer,
  describe as describeBytes,
  documentOf,
  imageOf,
  indexOf,
  json,
  layerOf,
  types,
} from './bad-input/built-image.ts';
import { ScriptedRegistry } from './bad-input/scripted-registry.ts';
import { blobFile, type Place } from './place.ts';
import { placesInMemory } from './tmpfs.ts';

const busybox = busyboxLayer();
const newPlace = placesInMemory();
let registry: ScriptedRegistry;
beforeAll(async () => {
  registry = await ScriptedRegistry.start();
});
afterAll(() => registry?.[Symbol.asyncDispose]());

const args = ['sh', '-c', 'echo 1 > /one; echo ready; exec sleep 1000'];

async function running(engine: Engine, image: string, place: Place): Promise<Container> {
  const container = await engine.run({ image, name: path.basename(place.folder), args });
  for await (const chunk of container.stdout ?? []) if (String(chunk).includes('ready')) break;
  return container;
}

const docker = 'application/vnd.docker';

/** Docker's schema 2, with what only Docker knows in its config. */
function dockerImage(): BuiltImage {
  const settings = { Cmd: ['sh'], Healthcheck: { Test: ['NONE'] }, OnBuild: null };
  const config = json({ os: 'linux', architecture, config: settings, rootfs: { type: 'layers', diff_ids: [busybox.diffId] } });
  const configDescriptor = describeBytes(`${docker}.container.image.v1+json`, config);
  const layers = [describeBytes(`${docker}.image.rootfs.diff.tar.gzip`, busybox.blob)];
  const mediaType = `${docker}.distribution.manifest.v2+json`;
  const { top, documents } = documentOf(mediaType, json({ schemaVersion: 2, mediaType, config: configDescriptor, layers }));
  const blobs = new Map([
    [configDescriptor.digest, config],
    ...[...imageOf({ layers: [busybox] }).blobs].filter(([digest]) => digest === layers[0]?.digest),
  ]);
  return { top, documents, blobs, config: configDescriptor, layers };
}

it("a commit of an image of Docker's schema 2 is one of OCI's, keeps what only Docker knows, and speaks of the layer without history", async () => {
  using place = newPlace();
  await using engine = await place.open();
  const name = registry.serve('docker', dockerImage());
  await engine.pull(name);
  const container = await running(engine, name, place);
  const { target } = await engine.containers.commit(container.id, 'made:1');
  await container[Symbol.asyncDispose]();
  const { manifest, manifestDigest } = await engine.images.inspect('made:1');
  expect([target.digest, target.mediaType]).toEqual([manifestDigest, types.manifest]);
  expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual([types.layer, types.layer]);
  expect(manifest.config.mediaType).toBe(types.config);
  const config = JSON.parse(readFileSync(blobFile(place, manifest.config.digest), 'utf8')) as {
    config: object;
    history: object[];
  };
  expect(config.config).toEqual({ Cmd: args, Healthcheck: { Test: ['NONE'] }, OnBuild: null });
  const [top, below] = await engine.images.history('made:1');
  expect(top).toMatchObject({ created_by: 'slipway commit', layer: manifest.layers[1] });
  expect(below).toEqual({ layer: manifest.layers[0] });
  const ran = await (await engine.run({ image: 'made:1', name: container.name, args: ['cat', '/one'] })).output();
  expect(ran.stdout.toString()).toBe('1\n');
});

it('an image of SHA-512 is committed, too', async () => {
  using place = newPlace();
  await using engine = await place.open();
  const digest = (bytes: Uint8Array): string => `sha512:${createHash('sha512').update(bytes).digest('hex')}`;
  const named = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digest(bytes), size: bytes.length });
  const config = json({ os: 'linux', architecture, rootfs: { type: 'layers', diff_ids: [busybox.diffId] } });
  const layers = [named(types.layer, busybox.blob)];
  const bytes = json({ schemaVersion: 2, mediaType: types.manifest, config: named(types.config, config), layers });
  const top = named(types.manifest, bytes);
  const name = registry.serve('sha512', {
    top,
    documents: new Map([[top.digest, { mediaType: types.manifest, bytes }]]),
    blobs: new Map([config, busybox.blob].map((blob) => [digest(blob), blob])),
    config: top,
    layers,
  });
  await engine.pull(name);
  const container = await running(engine, name, place);
  await engine.containers.commit(container.id, 'made:1');
  await container[Symbol.asyncDispose]();
  await engine.images.remove(name);
  expect((await engine.system.verify()).problems).toEqual([]);
  const ran = await (await engine.run({ image: 'made:1', name: container.name, args: ['cat', '/one'] })).output();
  expect(ran.stdout.toString()).toBe('1\n');
});

it('an image that is here for two platforms stands at two layers; one that is damaged hides no other', async () => {
  using place = newPlace();
  const [here, other] = [
    { os: 'linux', architecture },
    { os: 'linux', architecture: 's390x' },
  ];
  const second = layerOf({ path: 'second', body: '2' });
  const image = imageOf({ layers: [busybox] });
  const foreign = imageOf({ layers: [busybox, second], config: other });
  const alone = imageOf({ layers: [second] });
  const both = registry.serve(
    'both',
    indexOf([
      { image, platform: here },
      { image: foreign, platform: other },
    ]),
  );
  const broken = registry.serve('broken', alone);
  const warnings: string[] = [];
  const note = (message: string): void => void warnings.push(message);
  await using engine = await place.open({ log: { debug: () => {}, info: () => {}, warn: note, error: () => {} } });
  await engine.pull(both);
  await engine.pull(both, { platform: other });
  await engine.pull(broken);
  const tree = (chainId: string, names: string[], children: object[]): object => ({
    chainId,
    size: expect.any(Number) as number,
    names,
    children,
  });
  const { chainId: top = '' } = await engine.images.inspect(both, { platform: other });
  const shared = tree(busybox.diffId, [both], [tree(top, [both], [])]);
  expect(await engine.images.tree()).toEqual([shared, tree(second.diffId, [broken], [])]);
  writeFileSync(blobFile(place, alone.top.digest), '{}');
  expect(await engine.images.tree()).toEqual([shared]);
  expect(warnings.filter((text) => text.includes(broken))).toHaveLength(1);
});
