import assert from 'node:assert/strict';
import { lstatSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { type Descriptor, type Differ, isSlipwayError, type LayerFormat, type LayerTarget } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import { listTree } from '../trees/tree-listing.js';
import { zeros } from './bomb.js';
import { assertTree } from './case-laws.js';
import { baseLayer, baseTree, file, type LayerCase, layersOf } from './cases/layer-case.js';
import { whiteoutCases } from './cases/whiteout-cases.js';
import type { DifferOperation } from './operator.js';
import { type DifferLaw, type DifferLawOptions, putBlob, sha256 } from './subject.js';
import { tar } from './tar-bytes.js';

/** Growth of a process over 512 MiB of layer that shows that the layer is not held. */
const fewBytes = 160 << 20;

/** How an application goes: failures of its surroundings, several at once, cancelation, progress, memory. */
export function workLaws(law: DifferLaw, formats: readonly LayerFormat[], { writes, module }: DifferLawOptions): void {
  const [format = 'directory'] = formats;

  law('work: a missing blob is not-found, and the target stays empty', async ({ bench, content, differ }) => {
    const target = bench.target(format);
    const blob = await putBlob(content, baseLayer);
    await expectKind(differ.apply({ ...blob, digest: sha256(Buffer.from('missing')) }, target), 'not-found');
    assert.deepEqual(Object.keys(bench.list([target])), ['.']);
  });

  law('work: a missing target is an error, and is not made', async ({ bench, content, differ }) => {
    // An image is made, but not the folder that it is to be in.
    const target = { ...bench.target(format), path: `${bench.host}/nowhere${format === 'erofs' ? '/image' : ''}` };
    const before = listTree(bench.host);
    await assert.rejects(differ.apply(await putBlob(content, baseLayer), target), isSlipwayError);
    assert.deepEqual(listTree(bench.host), before);
  });

  law('work: a format that is not declared is unimplemented', async ({ bench, content, differ }) => {
    const blob = await putBlob(content, baseLayer);
    const target = bench.target(format);
    for (const other of (['overlay', 'directory', 'erofs'] as const).filter((each) => !writes.includes(each)))
      await expectKind(differ.apply(blob, { ...target, format: other }), 'unimplemented');
    assert.deepEqual(Object.keys(bench.list([target])), ['.']);
  });

  law('work: the same layers give the same trees', async ({ bench }) => {
    const layers = [...layersOf(opaqueOverWhiteouts), tar({ name: 'a/b/c' }, { name: 'd', type: '1', link: 'a/b/c' })];
    for (const each of formats) {
      const [one, other] = [await bench.stack(each, layers), await bench.stack(each, layers)];
      assert.deepEqual(bench.list(one.trees), bench.list(other.trees), each);
      // Of an image all is said by its bytes.
      for (const [index, { format, path }] of one.trees.entries())
        if (format === 'erofs') assert.ok(readFileSync(path).equals(readFileSync(other.trees[index]?.path ?? '')), 'other bytes');
    }
  });

  law('work: several at once do not disturb each other', async ({ bench, content, differ }) => {
    const layers = Array.from({ length: 6 }, (_, index) => tar({ name: `own${index}/file`, body: `${index}`.repeat(3_000_000) }));
    const broken = tar({ name: '.wh..' });
    const targets = layers.map(() => bench.target(format));
    const work = layers.flatMap((layer, index): Promise<Descriptor>[] => {
      const target = targets[index] ?? bench.target(format);
      const apply = async (bytes: Buffer, into: LayerTarget): Promise<Descriptor> =>
        differ.apply(await putBlob(content, bytes), into);
      return [
        apply(gzipSync(layer, { level: 1 }), target),
        apply(Buffer.concat([broken, Buffer.alloc(index)]), bench.target(format)),
      ];
    });
    const settled = await Promise.allSettled(work);
    for (const [index, layer] of layers.entries()) {
      const [done, failed] = [settled[2 * index], settled[2 * index + 1]];
      assert.equal(done?.status === 'fulfilled' && done.value.digest, sha256(layer));
      assert.equal(failed?.status === 'rejected' && isSlipwayError(failed.reason) && failed.reason.kind, 'invalid-argument');
      assert.deepEqual(Object.keys(bench.list(targets.slice(index, index + 1))), ['.', `own${index}`, `own${index}/file`]);
    }
  });

  law('work: a signal that is aborted before is canceled, and nothing is written', async ({ bench, content, differ }) => {
    const target = bench.target(format);
    await expectKind(differ.apply(await putBlob(content, baseLayer), target, { signal: AbortSignal.abort() }), 'canceled');
    assert.deepEqual(Object.keys(bench.list([target])), ['.']);
  });

  law(
    'work: abort ends it midway as canceled, nothing is written afterwards, and the next goes well',
    async ({ bench, content, differ }) => {
      const target = bench.target(format);
      const blob = await putBlob(content, zeros(64));
      await expectKind(abortedMidway(differ, blob, target), 'canceled');
      const { size, blocks } = writtenOf(target);
      assert.ok(blocks * 512 < 4 * 2 ** 30, 'all of it was written');
      const next = bench.target(format);
      await differ.apply(await putBlob(content, baseLayer), next);
      assertTree(bench.list([next]), baseTree, format);
      assert.deepEqual(writtenOf(target), { size, blocks });
    },
  );

  law('work: progress counts the bytes of the blob, and never goes back', async ({ bench, content, differ }) => {
    const blob = await putBlob(content, gzipSync(tar({ name: 'noise', body: noise(6_000_000) })));
    const seen: number[] = [];
    await differ.apply(blob, bench.target(format), { onProgress: (bytes) => void seen.push(bytes) });
    assert.ok(seen.length > 0, 'no progress was told');
    assert.deepEqual(
      seen,
      seen.toSorted((one, two) => one - two),
    );
    assert.ok((seen.at(-1) ?? 0) <= blob.size && (seen[0] ?? 0) >= 0);
  });

  law('work: dispose ends what is running, and nothing is written afterwards', async ({ bench, content, differ, subject }) => {
    const target = bench.target(format);
    const started = Promise.withResolvers<void>();
    const work = differ.apply(await putBlob(content, zeros(64)), target, { onProgress: () => started.resolve() });
    const settled = Promise.allSettled([work]);
    await Promise.race([started.promise, settled]);
    await subject[Symbol.asyncDispose]();
    const [result] = await settled;
    assert.ok(result.status === 'rejected' && isSlipwayError(result.reason), 'it was not ended, or not by a SlipwayError');
    const written = target.format === 'erofs' ? writtenOf(target) : listTree(target.path);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(target.format === 'erofs' ? writtenOf(target) : listTree(target.path), written);
  });

  if (module === undefined) return;

  law('work: memory does not grow with the layer', async ({ bench, start }) => {
    const operations: DifferOperation[] = [
      { do: 'apply', layer: bench.file('small', zeros(1)), target: bench.target(format) },
      { do: 'memory' },
      { do: 'apply', layer: bench.file('large', zeros(9)), target: bench.target(format) },
      { do: 'memory' },
    ];
    const { outcomes } = await start(operations).result;
    assert.deepEqual([outcomes[0], outcomes[2]], ['done', 'done']);
    const grown = (Number(outcomes[3]) - Number(outcomes[1])) * 1024;
    assert.ok(grown < fewBytes, `it grew by ${grown} bytes over a layer of ${8 * 64} MiB more`);
  });
}

const opaqueOverWhiteouts: LayerCase = {
  name: 'all of the whiteouts in one stack',
  layers: whiteoutCases.flatMap(({ layers }) => layers),
  adds: { any: file() },
};

/** Aborts as soon as some of the one file is written. */
async function abortedMidway(differ: Differ, blob: Descriptor, target: LayerTarget): Promise<void> {
  const abort = new AbortController();
  // Of zeros an image has nothing but their number.
  const onProgress = (): void => {
    if (target.format === 'erofs') abort.abort();
  };
  const work = differ.apply(blob, target, { signal: abort.signal, onProgress });
  const watch = setInterval(() => {
    if (target.format !== 'erofs' && writtenOf(target).blocks > 0) abort.abort();
  }, 1);
  try {
    await work;
  } finally {
    clearInterval(watch);
  }
}

/** How much there is of an image, or of the file "zeros" in a directory. */
function writtenOf({ format, path }: LayerTarget): { readonly size: number; readonly blocks: number } {
  const stats = lstatSync(format === 'erofs' ? path : `${path}/zeros`, { throwIfNoEntry: false });
  return { size: stats?.size ?? 0, blocks: stats?.blocks ?? 0 };
}

/** Bytes that do not compress. */
function noise(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let index = 0, state = 1; index < size; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}
