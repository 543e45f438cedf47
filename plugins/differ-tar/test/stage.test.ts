import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Descriptor, type LayerTarget, type Step, stepChannel } from '@slipway/plugin-api';
import { expect, test } from 'vitest';
import { Bench } from './bench.js';
import { layer, sha256 } from './layer.js';

const large = await layer(Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`f${index}`, randomBytes(1 << 20)])));

async function staging(bench: Bench) {
  const differ = await bench.differ();
  const stage = differ.stage?.bind(differ);
  if (!stage) throw new Error('the differ cannot stage');
  return { differ, stage };
}

test('a layer that is staged and rebased is what apply makes of it', async () => {
  await using bench = new Bench();
  const { differ, stage } = await staging(bench);
  const base = bench.target('overlay');
  await differ.apply(await bench.content.put(await layer({ 'd/low': 'low', 'd/kept': 'kept' })), base);
  const bytes = await layer({ 'd/.wh.low': '', 'd/new': 'new' });
  const blob = await bench.content.put(gzipSync(bytes));
  const steps: string[] = [];
  const listen = (message: unknown): void => void steps.push((message as Step).name);
  stepChannel.subscribe(listen);
  try {
    const target = bench.target('overlay');
    const staged = await stage(blob, target);
    expect(staged.descriptor).toMatchObject({ digest: sha256(bytes), size: bytes.length });
    expect(readdirSync(path.join(target.path, 'd'))).toEqual(['new']);
    await staged.rebase([base]);
    expect(readdirSync(path.join(target.path, 'd')).sort()).toEqual(['low', 'new']);
    expect(statSync(path.join(target.path, 'd/low')).isCharacterDevice()).toBe(true);
    expect(steps).toEqual(['diff.stage.opened', 'diff.stage.staged', 'diff.rebase.rebased']);
  } finally {
    stepChannel.unsubscribe(listen);
  }
});

test('what can only be applied in order is refused when it is staged, or when it is rebased', async () => {
  await using bench = new Bench();
  const { differ, stage } = await staging(bench);
  const refused = { kind: 'failed-precondition', code: 'LAYER_NEEDS_LOWER' };
  const base = bench.target('overlay');
  await differ.apply(await bench.content.put(await layer({ lib: { type: 'symlink', linkname: 'usr/lib' }, low: 'low' })), base);
  const linked = await bench.content.put(await layer({ name: { type: 'link', linkname: 'low' } }));
  await expect(stage(linked, bench.target('overlay'))).rejects.toMatchObject(refused);
  const staged = await stage(await bench.content.put(await layer({ 'lib/new': 'new' })), bench.target('overlay'));
  await expect(staged.rebase([base])).rejects.toMatchObject({ ...refused, message: expect.stringContaining('"lib"') });
});

test('only an empty target of the overlay format with nothing below is staged in', async () => {
  await using bench = new Bench();
  const { stage } = await staging(bench);
  const blob = await bench.content.put(await layer({ a: 'a' }));
  const full = bench.target('overlay');
  await stage(blob, full);
  const targets: [LayerTarget, string][] = [
    [bench.target('directory'), 'LAYER_TARGET_INVALID'],
    [bench.target('overlay', [full]), 'LAYER_TARGET_INVALID'],
    [full, 'LAYER_TARGET_INVALID'],
    [{ ...bench.target('overlay'), format: 'erofs' }, 'LAYER_FORMAT_UNSUPPORTED'],
  ];
  for (const [target, code] of targets) await expect(stage(blob, target)).rejects.toMatchObject({ code });
});

test('layers are staged side by side, each in a thread of its own', async () => {
  await using bench = new Bench();
  const { stage } = await staging(bench);
  const blobs = await Promise.all([gzipSync(large), large].map((bytes) => bench.content.put(bytes)));
  const underWay = new Set<number>();
  let most = 0;
  // On a busy machine one may end before the other's thread has begun: again, until two are met, which one after the other never are.
  while (most < 2) {
    await Promise.all(
      blobs.map(async (blob, index) => {
        const onProgress = (): void => {
          underWay.add(index);
          most = Math.max(most, underWay.size);
        };
        await stage(blob, bench.target('overlay'), { onProgress });
        underWay.delete(index);
      }),
    );
  }
  expect(threadNames().filter((name) => name.startsWith('slipway-differ')).length).toBeLessThanOrEqual(4);
});

test('a stage and a rebase are canceled by their signals, and the threads go on', async () => {
  await using bench = new Bench();
  const { stage } = await staging(bench);
  const blob = await bench.content.put(gzipSync(large));
  const base = bench.target('overlay');
  const staged = await stage(blob, base);
  await expect(staged.rebase([], { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'canceled' });
  for (let round = 0; round < 4; round++) {
    const abort = new AbortController();
    const onProgress = (): void => abort.abort();
    const target = bench.target('overlay');
    await expect(stage(blob, target, { signal: abort.signal, onProgress })).rejects.toMatchObject({ kind: 'canceled' });
    expect(readdirSync(target.path).length).toBeLessThan(16);
  }
  expect(await stage(blob, bench.target('overlay'))).toMatchObject({ descriptor: { digest: sha256(large) } });
});

test('a rebase goes before the layers that wait to be read', async () => {
  await using bench = new Bench();
  const { stage } = await staging(bench);
  const staged = await stage(await bench.content.put(await layer({ 'd/.wh.low': '' })), bench.target('overlay'));
  const blob = await bench.content.put(gzipSync(large));
  const ends: string[] = [];
  const others = Array.from({ length: 8 }, () => stage(blob, bench.target('overlay')).then(() => ends.push('stage')));
  await staged.rebase([bench.target('overlay')]).then(() => ends.push('rebase'));
  await Promise.all(others);
  expect(ends.indexOf('rebase')).toBeLessThan(5);
});

test('of the layers that wait the largest goes first: begun last it would leave the other threads without work', async () => {
  await using bench = new Bench();
  const { stage } = await staging(bench);
  const busy = await bench.content.put(gzipSync(large));
  const names = Array.from({ length: 16 }, (_, index) => `little${index}`);
  const little = await Promise.all(names.map(async (name) => bench.content.put(await layer({ [name]: 'x' }))));
  const larger = await bench.content.put(await layer({ larger: 'x'.repeat(20_000) }));
  const ended: string[] = [];
  const staged = (what: string, blob: Descriptor): Promise<unknown> =>
    stage(blob, bench.target('overlay')).then(() => ended.push(what));
  // As many as there are threads at the most.
  const others = Array.from({ length: 4 }, () => staged('busy', busy));
  await Promise.all([...others, ...little.map((blob) => staged('little', blob)), staged('larger', larger)]);
  const before = ended.slice(0, ended.indexOf('larger')).filter((what) => what === 'little');
  expect(before.length).toBeLessThan(little.length / 2);
});

function threadNames(): string[] {
  return readdirSync('/proc/self/task').map((task) => readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim());
}
