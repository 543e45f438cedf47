import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import { FaultTrial, type Scenario } from './fault-cases.ts';
import { leftInPlace, makePlace } from './place.ts';
import { pulledPlaces } from './scene.ts';
import { leases } from './store.ts';
import { makeTmpfs } from './tmpfs.ts';

const registry = await startRegistry({ images: ['small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/small:latest`;
const to = `${registry.address}/faults/small:1`;
const disk = makeTmpfs();
afterAll(() => disk[Symbol.dispose]());
const trial = new FaultTrial();
afterAll(() => trial[Symbol.dispose]());

const place = pulledPlaces([image], () => makePlace('', mkdtempSync(path.join(disk.folder, 'disk-'))));
const tagged = { action: 'tag', image, to: 'docker.io/library/tagged:1' } as const;
const pushed: Scenario = {
  place: () => place(),
  before: [],
  work: [tagged, { action: 'push', image, to }],
  after: [tagged, { action: 'push', image, to }],
  check: async (used) => {
    expect(leftInPlace(used).filter((left) => !left.startsWith('locks/'))).toEqual([]);
    expect(await leases(used)).toEqual([]);
    await using engine = await used.open();
    expect((await engine.system.verify()).problems).toEqual([]);
    expect((await engine.images.list()).map(({ name }) => name)).toContain(image);
  },
};

// Opening the kernel and the metadata is tried in a pull.
const sites = (await trial.sites(pushed)).filter(({ name }) => /^p[a-z]+\/(engine|content-local|resolver-registry)\//.test(name));

describe('a call that fails once, or writes a part, while an image is tagged and pushed', () => {
  it('is one of some', () => {
    expect(sites.length).toBeGreaterThan(15);
  });

  it.each(sites)('at $name', (site) => trial.try(pushed, site));
});
