import 'reflect-metadata';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ErofsMount, LayersMount, Runtime } from '@slipway/plugin-api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashedImageOf, withHashes } from './layers.ts';
import { TemplateBench } from './template-bench.ts';

let bench: TemplateBench;
let runtime: Runtime;
/** Of it a test changes a byte: it is nowhere else in the image. */
const content = `${'x'.repeat(5000)}the secret${'y'.repeat(20_000)}`;
let top: ErofsMount;

beforeAll(async () => {
  bench = new TemplateBench();
  runtime = await bench.open({ template: false });
  const tree = path.join(bench.folder, 'checked');
  mkdirSync(tree);
  writeFileSync(path.join(tree, 'whole'), 'whole\n');
  writeFileSync(path.join(tree, 'large'), content);
  top = hashedImageOf(tree, path.join(bench.folder, 'checked.erofs'));
});

afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

/** Above busybox. */
function over(layers: readonly ErofsMount[]): LayersMount {
  const below = bench.layers(0);
  return { ...below, lower: [...layers, ...below.lower] };
}

/** The layer, with its bytes changed after its hash tree was made. */
function changed(change: (bytes: Buffer) => void): ErofsMount {
  const folder = mkdtempSync(path.join(bench.folder, 'changed-'));
  const source = path.join(folder, 'layer.erofs');
  const bytes = readFileSync(top.source);
  change(bytes);
  writeFileSync(source, bytes);
  const hashes = path.join(folder, 'layer.verity');
  copyFileSync(top.verity?.hashes ?? '', hashes);
  return { kind: 'erofs', source, verity: { hashes, rootDigest: top.verity?.rootDigest ?? '' } };
}

test('layers with hash trees are checked: disks of their own, partitions of one, and one without in between', async () => {
  const { lower } = bench.layers(20);
  const rootfs = over([top, ...lower.slice(0, -1).map((layer, index) => (index === 7 ? layer : withHashes(layer)))]);
  const script = "cat /whole /f0 /f7 /f19; busybox grep -c ' dm-' /proc/partitions; exit 3";
  const { code, stdout, stderr } = await bench.run(runtime, script, rootfs);
  expect([code, stdout, stderr]).toEqual([3, 'whole\n0\n7\n19\n20\n', '']);
});

test('a byte that was changed in a file is an error of reading, and nothing else is', async () => {
  const layer = changed((bytes) => bytes.write('other', bytes.indexOf('the secret')));
  const { code, stdout, stderr } = await bench.run(runtime, 'cat /whole; cat /large >/dev/null', over([layer]));
  expect([code, stdout]).toEqual([1, 'whole\n']);
  expect(stderr).toMatch(/I\/O error|Input\/output error/);
});

test.each([
  [
    'a byte that was changed where the file system begins',
    () => changed((bytes) => bytes.writeUInt8(bytes.readUInt8(1100) ^ 1, 1100)),
  ],
  ['another root digest', () => ({ ...top, verity: { hashes: top.verity?.hashes ?? '', rootDigest: '5'.repeat(64) } })],
  [
    'hashes that were changed with the data',
    () => {
      const layer = changed((bytes) => bytes.write('other', bytes.indexOf('the secret')));
      const again = withHashes({ kind: 'erofs', source: copyOf(layer.source) });
      return { ...again, verity: { hashes: again.verity?.hashes ?? '', rootDigest: top.verity?.rootDigest ?? '' } };
    },
  ],
])('%s is an error of creation, which says so', async (_, layer) => {
  await expect(runtime.create(bench.request('true', over([layer()])))).rejects.toMatchObject({
    message: expect.stringMatching(/layers\/0": what was read of the disk is not what its root hash says/),
  });
});

function copyOf(file: string): string {
  const copy = path.join(mkdtempSync(path.join(bench.folder, 'copy-')), 'layer.erofs');
  copyFileSync(file, copy);
  return copy;
}
