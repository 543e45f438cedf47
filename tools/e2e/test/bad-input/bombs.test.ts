import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { tarOf } from '@slipway/fixtures';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headerOf, repeated, withSum } from './bomb.ts';
import { digestOf, documentOf, imageOf, json, type Layer, layerOf, types } from './built-image.ts';
import { type Refusal, WatchedPlace } from './refusal.ts';
import { ScriptedRegistry } from './scripted-registry.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
/** What a command may hold at most: Node with all plugins takes about 100 MiB. */
const memoryLimit = 400 * MiB;

let watched: WatchedPlace;
let registry: ScriptedRegistry;

beforeAll(async () => {
  watched = await WatchedPlace.open('[plugin.differ-tar]\nmax_unpacked_bytes = 67108864\nmax_entries = 10000\nmax_depth = 64');
  registry = await ScriptedRegistry.start();
});

afterAll(async () => {
  await watched?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
});

/** Pulls, is refused, and was never large. */
async function refusesBounded(name: string, expected: Refusal): Promise<void> {
  const peak = path.join(watched.place.folder, 'peak');
  const NODE_OPTIONS = `--import=${path.join(import.meta.dirname, 'peak-memory.ts')}`;
  await watched.refuses(['pull', name], expected, { env: { NODE_OPTIONS, SLIPWAY_E2E_PEAK: peak } });
  expect(Number(readFileSync(peak, 'utf8')) * 1024).toBeLessThan(memoryLimit);
}

const unknown = digestOf(Buffer.from('what it unpacks to is not known'));
const tooLarge = (layer: Layer): Refusal => ({
  kind: 'resource-exhausted',
  code: 'LAYER_TOO_LARGE',
  names: [digestOf(layer.blob)],
});

describe('layers without end', () => {
  const zeros = gzipSync(Buffer.alloc(64 * MiB), { level: 9 });
  const tar = tarOf([{ path: 'file', body: Buffer.alloc(MiB) }]);
  const files = tar.subarray(0, tar.length - 1024);
  const paxHeader = headerOf(GiB);
  paxHeader.write('x', 156, 'latin1');

  it.each<readonly [string, () => Buffer]>([
    ['20 MiB that inflate to 20 GiB of zeros', () => repeated(headerOf(8 * GiB - 1), zeros, 320)],
    ['20,000 files of 1 MiB each', () => repeated(Buffer.alloc(0), gzipSync(files), 20_000)],
    [
      'a million entries',
      () => repeated(Buffer.alloc(0), gzipSync(tarOf([{ path: 'd', type: 'd' }]).subarray(0, 512)), 1_000_000),
    ],
    ['a path of 1,000 folders', () => layerOf({ path: 'd/'.repeat(1000), type: 'd' }).blob],
    ['a PAX header of 1 GiB', () => repeated(withSum(paxHeader), zeros, 17)],
    ['2 GiB of zeros after the end of the archive', () => repeated(tarOf([{ path: 'file', body: 'x' }]), zeros, 32)],
    ['a file of zeros in zstd', () => zstdCompressSync(Buffer.concat([headerOf(512 * MiB), Buffer.alloc(128 * MiB)]))],
  ])('%s', async (_what, make) => {
    const layer = { blob: make(), diffId: unknown };
    await refusesBounded(registry.serve('bomb', imageOf({ layers: [layer] })), tooLarge(layer));
  });
});

describe('answers without end', () => {
  it('a manifest', async () => {
    const name = registry.serve('endless', documentOf(types.manifest, json({})), (request, response) => {
      response.writeHead(200, { 'content-type': types.manifest });
      if (request.method === 'HEAD') response.end();
      else endless(response);
      return true;
    });
    await refusesBounded(name, { kind: 'resource-exhausted', code: 'MANIFEST_TOO_LARGE', names: [name] });
  });

  it('a layer', async () => {
    const image = imageOf({ layers: [layerOf({ path: 'file', body: 'x' })] });
    const digest = image.layers[0]?.digest ?? '';
    const name = registry.serve('endless-layer', image, (request, response) => {
      if (!request.url?.endsWith(digest)) return false;
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      endless(response);
      return true;
    });
    await refusesBounded(name, { kind: 'failed-precondition', code: 'REGISTRY_SIZE_MISMATCH', names: [digest] });
  });
});

function endless(response: NodeJS.WritableStream & { readonly destroyed: boolean }): void {
  const more = (): void => {
    while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
  };
  response.on('drain', more);
  more();
}
