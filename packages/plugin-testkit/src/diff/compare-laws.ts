import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { linux } from '@slipway/linux';
import type { ComparedLayer, CompareOptions, ContentStore, LayerFormat, LayerTree } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import type { TreeListing } from '../trees/tree-listing.js';
import { layerCaseGroups } from './case-laws.js';
import { baseLayer, type LayerCase, layersOf } from './cases/layer-case.js';
import { changeCases } from './change-cases.js';
import type { SharedDifferLaw, SharedDifferLawContext } from './shared-differ.js';
import { type DifferLaw, layerMediaType, sha256 } from './subject.js';
import { tar } from './tar-bytes.js';

/** The others are about reading an archive; their trees are all alike. */
const comparable = (layerCase: LayerCase): boolean => !layerCase.name.startsWith('an archive is read');

/** Capability `compare`: applying what it makes to the lower tree gives the upper one, whatever lies between them. */
export function compareLaws(law: DifferLaw, shared: SharedDifferLaw, formats: readonly LayerFormat[]): void {
  for (const [group, cases] of Object.entries(layerCaseGroups)) {
    // One differ for all of them: they are many, and starting one takes longer than a comparison.
    shared(`compared: ${group}`, async (whole) => {
      for (const layerCase of cases.filter(comparable)) {
        const context = { ...whole, bench: whole.bench.of(whole.instance) };
        for (const format of formats) {
          const lower = await context.bench.stack(format, [baseLayer]);
          const upper = await context.bench.stack(format, layersOf(layerCase));
          await roundTrip(context, format, lower.trees, upper.trees, layerCase.name);
        }
      }
    });
  }

  for (const { name, change, seen } of changeCases) {
    shared(`compared: ${name}`, async (context) => {
      for (const format of formats) {
        const lower = await context.bench.stack(format, [baseLayer]);
        const upper = await context.bench.change(format, [baseLayer], lower.trees, change);
        assert.ok(seen(context.bench.list(upper)), 'the change was not made');
        await roundTrip(context, format, lower.trees, upper, name);
      }
    });
  }

  law('compare: what has changed back again, and more layers than one', async (context) => {
    for (const format of formats) {
      const [hide, undo] = [
        tar({ name: '.wh.dir' }, { name: 'more' }),
        tar({ name: 'dir/low', body: 'again' }, { name: '.wh.more' }),
      ];
      const stack = async (...layers: Buffer[]) => (await context.bench.stack(format, [baseLayer, hide, ...layers])).trees;
      await roundTrip(context, format, await stack(), await stack(undo), 'on');
      await roundTrip(context, format, await stack(undo), await stack(), 'back');
    }
  });

  law('compare: a tree with nothing below it', async (context) => {
    for (const format of formats) {
      const upper = await context.bench.stack(format, [baseLayer, tar({ name: '.wh.dir' })]);
      await roundTrip(context, format, [], upper.trees, 'all');
    }
  });

  law('compare: equal trees make an archive without entries', async (context) => {
    for (const format of formats) {
      const { trees } = await context.bench.stack(format, [baseLayer, tar({ name: 'slipway-laws/.wh.passwd' })]);
      const layer = await compare(context, trees, trees, { compression: 'none' });
      const bytes = await bytesOf(context.content, layer);
      assert.ok(bytes.every((byte) => byte === 0) && bytes.length <= 10_240, `found ${bytes.length} bytes`);
    }
  });

  law('compare: a deleted tree is one marker', async (context) => {
    for (const format of formats) {
      const lower = await context.bench.stack(format, [baseLayer]);
      const upper = await context.bench.stack(format, [baseLayer, tar({ name: '.wh.dir' })]);
      const layer = await compare(context, lower.trees, upper.trees, { compression: 'none' });
      const text = (await bytesOf(context.content, layer)).toString('latin1');
      assert.equal(text.split('.wh.').length - 1, 1);
      assert.ok(!text.includes('deep'));
    }
  });

  for (const compression of ['none', 'gzip', 'zstd'] as const) {
    law(`compare: the same trees give the same bytes (${compression})`, async (context) => {
      const changes = tar(
        { name: '.wh.keep' },
        { name: 'b', body: 'b' },
        { name: 'a', type: '1', link: 'b' },
        { name: 'dir/x/y' },
      );
      const made: ComparedLayer[] = [];
      for (const format of [...formats, ...formats]) {
        const lower = await context.bench.stack(format, [baseLayer]);
        const upper = await context.bench.stack(format, [baseLayer, changes]);
        made.push(await compare(context, lower.trees, upper.trees, { compression }));
      }
      for (const layer of made) assert.deepEqual(layer, made[0]);
    });
  }

  law('compare: the blob is in the store, and is what its descriptor and diff ID say', async (context) => {
    const [format = 'directory'] = formats;
    const { trees } = await context.bench.stack(format, [baseLayer]);
    const decode = { none: (bytes: Buffer) => bytes, gzip: gunzipSync, zstd: zstdDecompressSync } as const;
    for (const compression of ['none', 'gzip', 'zstd'] as const) {
      const layer = await compare(context, [], trees, { compression, ref: `compare-${compression}` });
      const bytes = await bytesOf(context.content, layer);
      const { descriptor, diffId } = layer;
      assert.deepEqual({ size: bytes.length, digest: sha256(bytes) }, { size: descriptor.size, digest: descriptor.digest });
      assert.equal(descriptor.mediaType, compression === 'none' ? layerMediaType : `${layerMediaType}+${compression}`);
      assert.equal(sha256(decode[compression](bytes)), diffId);
      await expectKind(context.content.status(`compare-${compression}`), 'not-found');
    }
    assert.equal((await compare(context, [], trees)).descriptor.mediaType, `${layerMediaType}+gzip`);
    assert.deepEqual(await context.content.listStatuses(), []);
  });

  law('compare: again what is in the store already', async (context) => {
    const { trees } = await context.bench.stack(formats[0] ?? 'directory', [baseLayer]);
    const once = await compare(context, [], trees);
    assert.deepEqual(await compare(context, [], trees), once);
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => compare(context, [], trees))), [once, once, once]);
    assert.deepEqual(await context.content.listStatuses(), []);
  });

  law('compare: sockets are left out', async (context) => {
    for (const format of formats) {
      const lower = await context.bench.stack(format, [baseLayer]);
      const upper = await context.bench.change(format, [baseLayer], lower.trees, (path) => {
        writeFileSync(`${path}/new`, '');
        linux.mknod(`${path}/slipway-laws/socket`, 0o140644, 0, 0);
      });
      const { 'slipway-laws/socket': socket, ...rest } = context.bench.list(upper);
      assert.equal(socket?.type, 'socket');
      const layer = await compare(context, lower.trees, upper);
      assert.deepEqual(await applied(context, format, lower.trees, layer), rest);
    }
  });

  law('compare: a name that reads as a whiteout is invalid-argument, and nothing is in the store', async (context) => {
    for (const format of formats) {
      const lower = await context.bench.stack(format, [baseLayer]);
      const upper = await context.bench.change(format, [baseLayer], lower.trees, (path) =>
        renameSync(`${path}/file`, `${path}/.wh.file`),
      );
      const before = await Array.fromAsync(context.content.walk());
      await expectKind(compare(context, lower.trees, upper), 'invalid-argument');
      assert.deepEqual(await Array.fromAsync(context.content.walk()), before);
      assert.deepEqual(await context.content.listStatuses(), []);
    }
  });

  law('compare: an aborted signal is canceled, and leaves nothing in the store', async (context) => {
    const { trees } = await context.bench.stack(formats[0] ?? 'directory', [baseLayer]);
    const before = await Array.fromAsync(context.content.walk());
    await expectKind(compare(context, [], trees, { signal: AbortSignal.abort() }), 'canceled');
    assert.deepEqual(await Array.fromAsync(context.content.walk()), before);
    assert.deepEqual(await context.content.listStatuses(), []);
  });
}

async function compare(
  { differ, bench }: SharedDifferLawContext,
  lower: readonly LayerTree[],
  upper: readonly LayerTree[],
  options?: CompareOptions,
): Promise<ComparedLayer> {
  assert.ok(differ.compare !== undefined);
  const before = bench.around();
  const layer = await differ.compare(lower, upper, options);
  assert.deepEqual(bench.around(), before, 'comparing changed a tree');
  return layer;
}

async function roundTrip(
  context: SharedDifferLawContext,
  format: LayerFormat,
  lower: readonly LayerTree[],
  upper: readonly LayerTree[],
  what: string,
): Promise<void> {
  const layer = await compare(context, lower, upper);
  assert.deepEqual(
    await applied(context, format, lower, layer),
    context.bench.list(upper),
    `not the upper tree: ${what} (${format})`,
  );
}

/** The tree that the layer makes of the lower one, which is of no use afterwards. */
async function applied(
  { differ, bench }: SharedDifferLawContext,
  format: LayerFormat,
  lower: readonly LayerTree[],
  { descriptor, diffId }: ComparedLayer,
): Promise<TreeListing> {
  const [below] = lower;
  const target =
    format === 'directory' && below !== undefined ? { format, path: below.path, lower: [] } : bench.target(format, lower);
  const { digest } = await differ.apply(descriptor, target);
  assert.equal(digest, diffId);
  return bench.list([target, ...target.lower]);
}

async function bytesOf(content: ContentStore, { descriptor: { digest, size } }: ComparedLayer): Promise<Buffer> {
  await using reader = await content.readerAt(digest);
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const count = await reader.read(bytes.subarray(at), at);
    assert.ok(count > 0, 'the blob ends early');
    at += count;
  }
  return bytes;
}
