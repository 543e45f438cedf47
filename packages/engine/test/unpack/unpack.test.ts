import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chainIds } from '@slipway/oci';
import { type Descriptor, SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFile, tryLockFile } from '../../dist/locks/index.js';
import { Operation } from '../../dist/operations/operation.js';
import type { UnpackContext, UnpackLayer } from '../../dist/unpack/context.js';
import { unpack } from '../../dist/unpack/unpack.js';
import { fakeParts } from '../parts.ts';
import { type MemorySnapshotter, memorySnapshotter } from './memory-snapshotter.ts';
import { type DifferScript, type ScriptedDiffer, scriptedDiffer } from './scripted-differ.ts';

let parts: ReturnType<typeof fakeParts>;
let store: MemorySnapshotter;
beforeEach(() => {
  store = memorySnapshotter();
  parts = fakeParts();
  Object.assign(parts, { snapshotters: { ids: ['fake'], declares: () => ({}), get: async () => store.snapshotter } });
});
afterEach(() => parts[Symbol.dispose]());

interface Layer extends UnpackLayer {
  readonly reports: string[];
}

/** Layers whose size is their number, from 1; the fetch of each ends as `fetched` says. */
function layersOf(count: number, fetched: (number: number) => Promise<void> = async () => {}): Layer[] {
  return Array.from({ length: count }, (_, index) => {
    const digest = `sha256:${String(index + 1).padStart(64, '0')}`;
    const reports: string[] = [];
    const arrival = fetched(index + 1);
    arrival.catch(() => {});
    return {
      descriptor: { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: index + 1 },
      diffId: digest,
      fetched: arrival,
      report: (phase, bytes) => void reports.push(`${phase} ${bytes}`),
      reports,
    };
  });
}

const chainOf = (layers: readonly UnpackLayer[]): string[] => chainIds(layers.map(({ diffId }) => diffId));

async function unpackWith(
  differ: ScriptedDiffer['differ'],
  layers: readonly UnpackLayer[],
  more: Partial<UnpackContext> = {},
): Promise<string | undefined> {
  await using operation = Operation.begin(parts, 'unpack');
  const context = { root: parts.settings.root, snapshotterId: 'fake', snapshotter: store.snapshotter, recover: async () => {} };
  try {
    return await unpack({ ...context, differ, rebases: true, operation, ...more }, layers);
  } finally {
    expectNothingHeld();
  }
}

/** No active snapshot and no lock. */
function expectNothingHeld(): void {
  expect([...store.rows].filter(([, { kind }]) => kind !== 'committed')).toEqual([]);
  const locks = path.join(parts.settings.root, 'locks');
  expect(existsSync(locks) ? readdirSync(locks) : []).toEqual([]);
}

/** Each layer is there once, on the one before, and was put on the trees that are below it. */
function expectChain(layers: readonly UnpackLayer[], { below }: ScriptedDiffer): void {
  const chain = chainOf(layers);
  expect(new Set(store.rows.keys())).toEqual(new Set(chain));
  const ids: number[] = [];
  for (const [index, name] of chain.entries()) {
    const row = store.rows.get(name);
    expect(row?.parent).toBe(chain[index - 1]);
    expect(below.get(`/${row?.id}`)).toEqual(ids.map((id) => `/${id}`));
    ids.unshift(row?.id ?? 0);
  }
}

/** Of the layers that were applied or staged, each as often as that was done. */
function numbersRead({ calls }: ScriptedDiffer): number[] {
  const read = calls.filter((call) => !call.startsWith('rebase'));
  return read.map((call) => Number(call.split(' ')[1])).toSorted((a, b) => a - b);
}

const failure = (kind: 'failed-precondition' | 'data-loss', code: string): SlipwayError =>
  new SlipwayError({ kind, code, message: code });
const isLayer = (layer: Descriptor, number: number): boolean => layer.size === number;

describe.each([
  { how: 'in order', rebases: false },
  { how: 'side by side', rebases: true },
])('layers unpacked $how', ({ rebases }) => {
  it('grow on each other', async () => {
    const layers = layersOf(5);
    const scripted = scriptedDiffer();
    expect(await unpackWith(scripted.differ, layers, { rebases })).toBe(chainOf(layers).at(-1));
    expectChain(layers, scripted);
    for (const { reports, descriptor } of layers)
      expect(reports).toEqual([`unpacking ${descriptor.size}`, `unpacked ${descriptor.size}`]);
  });

  it('of which some are there are not read again', async () => {
    await unpackWith(scriptedDiffer().differ, layersOf(3), { rebases });
    const layers = layersOf(5);
    const scripted = scriptedDiffer();
    await unpackWith(scripted.differ, layers, { rebases });
    expect(numbersRead(scripted)).toEqual([4, 5]);
    expect(layers[2]?.reports).toEqual(['exists 3']);
  });

  it('none at all have no chain ID', async () => {
    expect(await unpackWith(scriptedDiffer().differ, [], { rebases })).toBeUndefined();
  });

  it('that arrive in any order, two hundred of them, do not lock up', async () => {
    const layers = layersOf(200, (number) => sleep((number * 7919) % 50));
    const scripted = scriptedDiffer();
    await unpackWith(scripted.differ, layers, { rebases });
    expectChain(layers, scripted);
    expect(scripted.mostAtOnce()).toBeLessThanOrEqual(4);
  });

  it('by many at once are each read once, and all who asked have them', async () => {
    const asked = Array.from({ length: 12 }, (_, one) =>
      layersOf(one % 2 === 0 ? 9 : 6, (number) => sleep((number * (one + 3)) % 20)),
    );
    const scripted = scriptedDiffer();
    const chainIdsFound = await Promise.all(asked.map((layers) => unpackConcurrently(scripted, layers, rebases)));
    expectNothingHeld();
    expect(chainIdsFound).toEqual(asked.map((layers) => chainOf(layers).at(-1)));
    expectChain(asked[0] ?? [], scripted);
    expect(numbersRead(scripted)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('the first failure is told, and nothing is left of the others, whatever they wait for', async () => {
    // The last layer never arrives.
    const layers = layersOf(6, (number) => (number === 6 ? new Promise(() => {}) : Promise.resolve()));
    const script: DifferScript = {
      diffId: (layer) => (isLayer(layer, 3) ? `sha256:${'f'.repeat(64)}` : layer.digest),
    };
    await expect(unpackWith(scriptedDiffer(script).differ, layers, { rebases })).rejects.toMatchObject({
      code: 'DIFF_ID_MISMATCH',
    });
    for (const name of chainOf(layers).slice(2)) expect(store.rows.has(name)).toBe(false);
  });

  it('a fetch that fails ends it', async () => {
    const gone = failure('data-loss', 'GONE');
    const layers = layersOf(5, (number) => (number === 4 ? Promise.reject(gone) : Promise.resolve()));
    await expect(unpackWith(scriptedDiffer().differ, layers, { rebases })).rejects.toBe(gone);
  });

  it('is canceled at once, with nothing left', async () => {
    const abort = new AbortController();
    const layers = layersOf(5, (number) => (number === 4 ? new Promise(() => {}) : Promise.resolve()));
    const reading: DifferScript['reading'] = async (layer, { signal }) => {
      if (isLayer(layer, 3)) abort.abort();
      throwIfAborted('reading', signal);
    };
    const work = unpackWith(scriptedDiffer({ reading }).differ, layers, { rebases, signal: abort.signal });
    await expect(work).rejects.toMatchObject({ kind: 'canceled' });
  });

  it('parent-gone: a snapshot that a removal takes in between is unpacked again', async () => {
    const layers = layersOf(4);
    const chain = chainOf(layers);
    let removals = 0;
    const remove = async (layer: Descriptor): Promise<void> => {
      if (!isLayer(layer, 3) || removals === 2) return;
      removals++;
      for (const name of [chain[1], chain[0]]) {
        for (const [key, { parent }] of [...store.rows]) if (parent === name) store.rows.delete(key);
        store.rows.delete(name ?? '');
      }
    };
    // In order the active snapshot keeps its parent: there the removal comes before it.
    const prepare = store.snapshotter.prepare.bind(store.snapshotter);
    const snapshotter = Object.assign(Object.create(store.snapshotter), {
      prepare: async (key: string, parent?: string) => {
        if (!rebases && parent === chain[1]) await remove(layers[2]?.descriptor as Descriptor);
        return prepare(key, parent);
      },
    });
    const scripted = scriptedDiffer({ rebasing: remove });
    await unpackWith(scripted.differ, layers, { rebases, snapshotter });
    expect(removals).toBe(2);
    expectChain(layers, scripted);
    for (const { reports } of layers) expect(reports.at(-1)).toMatch(/^(unpacked|exists)/);
  });
});

describe('layers unpacked side by side', () => {
  it('are read before the one below has arrived; the bottom one is applied as it is', async () => {
    const bottom = Promise.withResolvers<void>();
    const layers = layersOf(3, (number) => (number === 1 ? bottom.promise : Promise.resolve()));
    const reading: DifferScript['reading'] = async (layer) => {
      if (isLayer(layer, 3)) bottom.resolve();
    };
    const scripted = scriptedDiffer({ reading });
    await unpackWith(scripted.differ, layers);
    expectChain(layers, scripted);
    expect(scripted.calls).toEqual(['stage 2', 'stage 3', 'apply 1', 'rebase 2', 'rebase 3']);
  });

  it.each(['stage', 'rebase'])('go in order when a layer needs those below: known by %s', async (when) => {
    const needsLower = async (layer: Descriptor): Promise<void> => {
      if (isLayer(layer, 2)) throw failure('failed-precondition', 'LAYER_NEEDS_LOWER');
    };
    const layers = layersOf(4);
    const scripted = scriptedDiffer(
      when === 'rebase'
        ? { rebasing: needsLower }
        : { reading: (layer) => (scripted.calls.includes(`apply ${layer.size}`) ? Promise.resolve() : needsLower(layer)) },
    );
    await unpackWith(scripted.differ, layers);
    expectChain(layers, scripted);
    expect(scripted.calls.filter((call) => call.endsWith(' 2'))).toEqual([
      'stage 2',
      ...(when === 'rebase' ? ['rebase 2'] : []),
      'apply 2',
    ]);
  });

  it('parent-replaced: what was put on trees that a removal took is not kept on those that came instead', async () => {
    const layers = layersOf(3);
    const [lowest] = chainOf(layers);
    let replacements = 0;
    const rebasing: DifferScript['rebasing'] = async (layer) => {
      const row = store.rows.get(lowest ?? '');
      if (!isLayer(layer, 2) || row === undefined || replacements++ > 0) return;
      store.rows.set(lowest ?? '', { ...row, id: 1000 });
      scripted.below.set('/1000', []);
    };
    const scripted = scriptedDiffer({ rebasing });
    await unpackWith(scripted.differ, layers);
    expectChain(layers, scripted);
    expect(store.rows.get(lowest ?? '')?.id).toBe(1000);
  });

  it('a layer that needs no rebase, as its parent is there, is applied', async () => {
    await unpackWith(scriptedDiffer().differ, layersOf(1));
    const scripted = scriptedDiffer();
    await unpackWith(scripted.differ, layersOf(2));
    expect(scripted.calls).toEqual(['apply 2']);
  });
});

it('a layer that another has in work is told as that one comes on, and taken over when it dies', async () => {
  const layers = layersOf(1);
  const file = lockFile(parts.settings.root, 'unpack', 'fake', chainOf(layers)[0] ?? '');
  const other = tryLockFile(file);
  if ('told' in other) throw new Error('the lock is busy');
  await sleep(150);
  other.tell(1);
  const working = unpackWith(scriptedDiffer().differ, layers);
  while (!layers[0]?.reports.includes('unpacking 1')) await sleep(5);
  expect(store.rows.size).toBe(0);
  other[Symbol.dispose]();
  await working;
  expect(store.rows.size).toBe(1);
});

/** As {@link unpackWith}, beside others. */
async function unpackConcurrently(
  { differ }: ScriptedDiffer,
  layers: readonly UnpackLayer[],
  rebases: boolean,
): Promise<string | undefined> {
  await using operation = Operation.begin(parts, 'unpack');
  const context = { root: parts.settings.root, snapshotterId: 'fake', snapshotter: store.snapshotter, recover: async () => {} };
  return unpack({ ...context, differ, rebases, operation }, layers);
}
