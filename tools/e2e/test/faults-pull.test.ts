import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import { FaultTrial, type Scenario } from './fault-cases.ts';
import { leftInPlace, makePlace, namesIn, type Place } from './place.ts';
import { makeTmpfs } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;
// Thousands of fsyncs.
const disk = makeTmpfs();
afterAll(() => disk[Symbol.dispose]());
const trial = new FaultTrial();
afterAll(() => trial[Symbol.dispose]());

/** The first pull on a machine, and the removal of all that it brought. */
function pulling(snapshotter: string): Scenario {
  return {
    place: () => makePlace(`[stack]\nsnapshotter = "${snapshotter}"`, mkdtempSync(path.join(disk.folder, 'disk-'))),
    before: [],
    work: [{ action: 'pull', image }],
    after: [{ action: 'pull', image }],
    check: async (place) => {
      expect(leftInPlace(place).filter((left) => !left.startsWith('locks/'))).toEqual([]);
      {
        await using engine = await place.open();
        expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
        await engine.images.remove(image);
        await engine.system.prune();
      }
      expect(leftBehind(place, snapshotter)).toEqual([]);
    },
  };
}

function leftBehind(place: Place, snapshotter: string): string[] {
  const folders = [
    'content.v1/local/blobs/sha256',
    'content.v1/local/ingest',
    'locks',
    `snapshotter.v1/${snapshotter}/snapshots`,
  ];
  return folders.flatMap((folder) => namesIn(path.join(place.root, folder)));
}

const [overlay, native] = [pulling('overlay'), pulling('native')];
const overlaySites = await trial.sites(overlay);
const nativeSites = await trial.sites(native, overlaySites);

describe('a call that fails once, or writes a part, while an image is pulled', () => {
  it('is one of many, in every part of the way and in every thread', () => {
    const names = overlaySites.map(({ name }) => name);
    for (const part of ['kernel', 'engine', 'snapshots', 'layers', 'metadata-lmdb', 'content-local', 'snapshot-overlay'])
      expect(names).toContainEqual(expect.stringMatching(new RegExp(`^(packages|plugins)/${part}/`)));
    for (const call of ['writeSync', 'fsync', 'renameNoReplace', 'mknod', 'syncfs', 'mountDetached'])
      expect(names).toContainEqual(expect.stringContaining(` ${call} `));
    expect(names.length).toBeGreaterThan(90);
    expect(nativeSites.length).toBeGreaterThan(10);
  });

  it.each(overlaySites)('at $name', (site) => trial.try(overlay, site));

  it.each(nativeSites)('to a native snapshotter, at $name', (site) => trial.try(native, site));

  it('has been tried at nearly all of them', () => {
    const { sites, faults, survived, missed } = trial.counts;
    process.stdout.write(`pull: ${faults} faults at ${sites} sites, ${survived} survived, ${missed} not met\n`);
    expect(faults).toBeGreaterThan(120);
    // Two threads may take turns otherwise than when the sites were written down.
    expect(missed).toBeLessThan(faults / 20);
  });
});
