import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type ImageName, imageLayout, readImage, startRegistry } from '@slipway/fixtures';
import { chainIds } from '@slipway/oci';
import { afterAll, describe, expect, it } from 'vitest';
import type { StepKill } from '../src/request.ts';
import { type Ended, runCommand } from './child.ts';
import { expectRecovery } from './crash.ts';
import { leftInPlace, type Place } from './place.ts';
import { oneConnection, startSlowRegistry } from './slow-registry.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const newPlace = placesInMemory();

/** They share blobs, layers of other blobs, and nothing but the lowest layer. */
const names: readonly ImageName[] = ['medium', 'medium-zstd', 'medium-docker', 'medium-multi', 'demo', 'small', 'links'];
const registry = await startRegistry({ images: [...names] });
afterAll(() => registry[Symbol.asyncDispose]());

const processes = Array.from({ length: 20 }, (_, number) => ({ number, name: names[number % names.length] ?? 'demo' }));
const imageOf = (address: string, name: ImageName): string => `${address}/test/${name}:latest`;

/** Of which a snapshotter that keeps whole trees can have a copy for each layer without filling the disk. */
const little: readonly ImageName[] = ['demo', 'small', 'links'];

/** What images together are unpacked to. */
function chainIdsOf(images: readonly ImageName[]): ReadonlySet<string> {
  return new Set(images.flatMap((name) => chainIds(readImage(imageLayout(name)).config.rootfs.diff_ids)));
}
const allChainIds = chainIdsOf(names);
const allLayers = new Set(names.flatMap((name) => readImage(imageLayout(name)).manifest.layers.map(({ digest }) => digest)));

function stepsIn(trace: string, step: string): number {
  const lines = existsSync(trace) ? readFileSync(trace, 'utf8').split('\n') : [];
  return lines.filter((line) => line === step).length;
}

/** Of which one was asked for more than once. */
function fetchedTwice(requests: readonly { readonly method: string; readonly path: string }[]): string[] {
  const digests = requests.flatMap(({ method, path: where }) =>
    method === 'GET' ? (/sha256:[0-9a-f]{64}/.exec(where) ?? []) : [],
  );
  return digests.filter((digest, index) => digests.indexOf(digest) !== index);
}

function expectDone(all: readonly Ended[]): void {
  expect(
    all.filter(({ report }) => report?.outcome !== 'done').map(({ report, signal, stderr }) => ({ report, signal, stderr })),
  ).toEqual([]);
}

/** Of the images that are unpacked to the same layers one stands for all. */
async function expectTrees(place: Place, address: string, stack?: string, images = names): Promise<void> {
  await using engine = await place.open();
  for (const name of images.filter((each) => !each.startsWith('medium-')))
    expect(await wrongPaths(engine, imageOf(address, name), name, stack)).toEqual([]);
}

describe('twenty processes that pull the same and overlapping images at once', () => {
  it('fetch each blob once and unpack each layer once', { timeout: 400_000 }, async () => {
    using place = newPlace(oneConnection);
    await using counting = await startSlowRegistry(registry.address, () => undefined);
    const trace = path.join(place.folder, 'trace');
    const pull = (name: ImageName): Promise<Ended> =>
      runCommand(place, { action: 'pull', image: imageOf(counting.address, name) }, { trace });
    expectDone(await Promise.all(processes.map(({ name }) => pull(name))));
    expect(fetchedTwice(counting.requests)).toEqual([]);
    // A layer that was staged and turned out to need those below is read again.
    expect(stepsIn(trace, 'unpack.prepared') - stepsIn(trace, 'unpack.unstaged')).toBe(allChainIds.size);
    expect(stepsIn(trace, 'unpack.committed')).toBe(allChainIds.size);
    await expectRecovery(place);
    await expectTrees(place, counting.address);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('into two stacks, fetch each blob once and unpack each layer once for each', { timeout: 400_000 }, async () => {
    using place = newPlace(`[stacks.copy]\nsnapshotter = "native"\n${oneConnection}`);
    await using counting = await startSlowRegistry(registry.address, () => undefined);
    const trace = path.join(place.folder, 'trace');
    const pulls = processes.map(({ number, name }) =>
      number < 12 ? { name: little[number % little.length] ?? 'demo', stack: 'copy' } : { name, stack: undefined },
    );
    const pull = (name: ImageName, stack: string | undefined): Promise<Ended> =>
      runCommand(place, { action: 'pull', image: imageOf(counting.address, name), stack }, { trace });
    expectDone(await Promise.all(pulls.map(({ name, stack }) => pull(name, stack))));
    expect(fetchedTwice(counting.requests)).toEqual([]);
    expect(stepsIn(trace, 'unpack.committed')).toBe(allChainIds.size + chainIdsOf(little).size);
    await expectRecovery(place);
    await expectTrees(place, counting.address);
    await expectTrees(place, counting.address, 'copy', little);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('of which some are killed: the others take over and end well', { timeout: 400_000 }, async () => {
    using place = newPlace(oneConnection);
    await using counting = await startSlowRegistry(registry.address, () => undefined);
    const steps = [
      'unpack.prepared',
      'unpack.applied',
      'fetch.received',
      'content.ingest.written',
      'diff.apply.opened',
      'operation.begun',
    ];
    const kills = steps.map((step): StepKill => ({ step, nth: 1, whom: ['command'] }));
    const image = imageOf(counting.address, 'medium');
    const killed = kills.map((kill) => runCommand(place, { action: 'pull', image }, { kill }));
    const others = processes
      .slice(kills.length)
      .map(({ name }) => runCommand(place, { action: 'pull', image: imageOf(counting.address, name) }));
    expectDone(await Promise.all(others));
    for (const { signal, status } of await Promise.all(killed)) expect(signal ?? status).toBeOneOf(['SIGKILL', 0]);
    expectDone(
      await Promise.all(names.map((name) => runCommand(place, { action: 'pull', image: imageOf(counting.address, name) }))),
    );
    await expectRecovery(place);
    await expectTrees(place, counting.address);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('while others remove them: every pull succeeds, and what is there in the end is whole', { timeout: 400_000 }, async () => {
    using place = newPlace();
    let pulling = true;
    const outcomes = { pulled: 0, removed: 0 };
    const puller = async (first: number): Promise<void> => {
      await using engine = await place.open();
      for (let round = 0; round < 4; round++) {
        await engine.pull(imageOf(registry.address, names[(first + round) % names.length] ?? 'demo'));
        outcomes.pulled++;
      }
    };
    const remover = async (first: number): Promise<void> => {
      for (let round = first; pulling; round++) {
        const image = imageOf(registry.address, names[round % names.length] ?? 'demo');
        const { report } = await runCommand(place, { action: 'remove', image });
        if (report?.outcome === 'done') outcomes.removed++;
        else expect(report).toMatchObject({ kind: 'not-found', code: 'IMAGE_NOT_FOUND' });
      }
    };
    const removing = Promise.all([remover(0), remover(3)]);
    const inProcess = Promise.all([puller(0), puller(2)]);
    const pulls = processes
      .slice(8)
      .map(({ name }) => runCommand(place, { action: 'pull', image: imageOf(registry.address, name) }));
    try {
      expectDone(await Promise.all(pulls));
      await inProcess;
    } finally {
      pulling = false;
      await Promise.allSettled([removing, inProcess]);
    }
    await removing;
    expect(outcomes.pulled).toBe(8);
    expect(outcomes.removed).toBeGreaterThan(0);
    expectDone(
      await Promise.all(names.map((name) => runCommand(place, { action: 'pull', image: imageOf(registry.address, name) }))),
    );
    await expectRecovery(place);
    await expectTrees(place, registry.address);
    expect(leftInPlace(place)).toEqual([]);
  });
});

it('the images of this test have layers to share', () => {
  expect([allLayers.size, allChainIds.size]).toEqual([17, 11]);
});
