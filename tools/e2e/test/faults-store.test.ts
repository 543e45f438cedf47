import { chmodSync, existsSync, mkdtempSync, truncateSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import type { Site } from '../src/faults/fault.ts';
import { expectRecovery } from './crash.ts';
import { flipBit } from './damage.ts';
import { FaultTrial, type Scenario, type Work } from './fault-cases.ts';
import { blobFile, leftInPlace, makePlace, namesIn, type Place } from './place.ts';
import { pulledPlaces } from './scene.ts';
import { everythingKept, makeIngest, makeOrphan } from './store.ts';
import { makeTmpfs } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const registry = await startRegistry({ images: ['demo', 'small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;
const other = `${registry.address}/test/small:latest`;
const disk = makeTmpfs();
afterAll(() => disk[Symbol.dispose]());
const trial = new FaultTrial();
afterAll(() => trial[Symbol.dispose]());

const pull: Work = { action: 'pull', image };
const verify: Work = { action: 'verify' };
const repair: Work = { action: 'verify', repair: true };
const rebuild: Work = { action: 'rebuild' };
const prune: Work = { action: 'prune' };

const newPlace = (config = ''): Place => makePlace(config, mkdtempSync(path.join(disk.folder, 'disk-')));
const pulledPlace = pulledPlaces([image], newPlace);
const placeOfTwo = pulledPlaces([image, other], newPlace);

function makeGarbage(place: Place): void {
  makeOrphan(place, 'lost');
  // Past its time of grace.
  utimesSync(path.join(makeIngest(place, 'cut off'), 'data'), new Date(0), new Date(0));
}

async function damageStore(place: Place): Promise<void> {
  {
    await using engine = await place.open();
    const [layer] = (await engine.images.inspect(image)).manifest.layers;
    flipBit(blobFile(place, layer?.digest ?? ''));
  }
  const snapshots = path.join(place.root, 'snapshotter.v1/overlay/snapshots');
  for (const tree of namesIn(snapshots).map((id) => path.join(snapshots, id, 'fs/bin/busybox')))
    if (existsSync(tree)) chmodSync(tree, 0o700);
}

/** The image is whole, and goes without leaving anything. */
async function expectWhole(place: Place): Promise<void> {
  await expectRecovery(place);
  await expectTreeAndRemoval(place);
}

async function expectTreeAndRemoval(place: Place): Promise<void> {
  {
    await using engine = await place.open();
    expect((await engine.images.list()).map(({ name }) => name)).toContain(image);
    expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
    expect(await engine.system.prune({ all: true, partial: true })).toMatchObject({ failures: [] });
  }
  expect(await everythingKept(place)).toEqual([]);
  expect(leftInPlace(place)).toEqual([]);
}

async function expectDiscarded(place: Place): Promise<void> {
  {
    await using engine = await place.open();
    const { layers } = (await engine.images.inspect(image)).manifest;
    expect(layers.filter(({ digest }) => existsSync(blobFile(place, digest)))).toEqual([]);
  }
  await expectTreeAndRemoval(place);
}

const scenarios = {
  // What is listed afterwards must be whole, so it is verified before the retry.
  'everything is pruned': scenario({
    place: placeOfTwo,
    prepare: makeGarbage,
    work: [{ ...prune, all: true }],
    after: [verify, { ...prune, all: true }, pull, verify],
  }),
  'a store is verified': scenario({ work: [verify], isHealthy: true, after: [verify] }),
  'a store is repaired': scenario({ prepare: damageStore, work: [repair], after: [repair, verify] }),
  'metadata is rebuilt': scenario({
    prepare: (place) => truncateSync(path.join(place.root, 'metadata.v1/lmdb/data.mdb'), 5000),
    work: [rebuild],
    isHealthy: true,
    after: [rebuild, verify],
  }),
  'an image is pulled whose layers are discarded': scenario({
    place: () => newPlace('[pull]\ndiscard_unpacked_layers = true'),
    work: [pull],
    after: [pull, verify, prune],
    check: expectDiscarded,
  }),
};

function scenario(of: Pick<Scenario, 'work' | 'after'> & Partial<Scenario>): Scenario {
  return { place: () => pulledPlace(), before: [], check: expectWhole, ...of };
}

// The faults of these are tried in the suites of pulling and of running.
const sitesOf = (work: readonly Work[]): Promise<Site[]> => trial.sites(scenario({ place: newPlace, work, after: [] }));
const ofPull = await sitesOf([pull]);
const known = await sitesOf([pull, { action: 'list' }, { action: 'remove', image }, pull]);
const found: { when: keyof typeof scenarios; site: Site }[] = [];
for (const when of Object.keys(scenarios) as (keyof typeof scenarios)[]) {
  // What a removal does has other consequences within a pull.
  const sites = await trial.sites(scenarios[when], scenarios[when].work.includes(pull) ? ofPull : known);
  known.push(...sites);
  found.push(...sites.map((site) => ({ when, site })));
}

describe('a call that fails once, or writes a part', () => {
  it('is one of many', () => {
    for (const when of Object.keys(scenarios)) expect(found).toContainEqual(expect.objectContaining({ when }));
    expect(found.length).toBeGreaterThan(35);
  });

  it.each(found)('while $when, at $site.name', ({ when, site }) => trial.try(scenarios[when], site));

  it('has been tried at nearly all of them', () => {
    const { sites, faults, survived, missed } = trial.counts;
    process.stdout.write(`store: ${faults} faults at ${sites} sites, ${survived} survived, ${missed} not met\n`);
    expect(faults).toBeGreaterThan(40);
    expect(missed).toBeLessThan(faults / 20);
  });
});
