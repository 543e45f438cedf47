import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import type { Site } from '../src/faults/fault.ts';
import { runCommand } from './child.ts';
import { expectRecovery } from './crash.ts';
import { FaultTrial, type Scenario, type Work } from './fault-cases.ts';
import { until } from './living.ts';
import { leftInMounts, monitorsIn } from './machine.ts';
import { makePlace } from './place.ts';
import { done } from './scene.ts';
import { makeTmpfs } from './tmpfs.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;
const disk = makeTmpfs();
afterAll(() => disk[Symbol.dispose]());
const trial = new FaultTrial();
afterAll(() => trial[Symbol.dispose]());

// One place for all, with the image: each case leaves it as it was, which is what is tested.
const place = makePlace('[stacks.copy]\nsnapshotter = "native"', disk.folder);
afterAll(() => place[Symbol.dispose]());
const directory = path.join(place.folder, 'mount');
mkdirSync(directory);
const pull: Work = { action: 'pull', image };
const remove: Work = { action: 'remove', image };
const run: Work = { action: 'run', image, id: path.basename(place.folder), args: ['sh', '-c', 'echo hello'] };

const scenarios = {
  'an image is listed': scenario({ work: [{ action: 'list' }] }),
  'a container is run': scenario({ work: [run] }),
  'a container is run on another stack, which unpacks first': scenario({
    before: [remove, pull],
    work: [{ ...run, stack: 'copy' }],
  }),
  'an image is mounted and unmounted': scenario({
    work: [
      { action: 'mount', image, directory },
      { action: 'unmount', directory },
    ],
    undo: () => (leftInMounts([directory]).length > 0 ? [{ action: 'unmount', directory }] : []),
  }),
  'an image is removed': scenario({ before: [pull], work: [remove] }),
  'a container is cleaned up whose command and monitor were killed': scenario({
    prepare: async () => {
      const kill = { step: 'run.started', nth: 1, whom: ['monitor', 'command'] } as const;
      await runCommand(place, { ...run, args: ['sleep', '100000'] }, { kill });
      // As long as it is there it has the lock of what is to be cleaned up.
      await until('the end of the monitor', async () => monitorsIn(place.folder).length === 0);
    },
    work: [{ action: 'list' }],
  }),
};

function scenario(of: Partial<Scenario> & Pick<Scenario, 'work'>): Scenario {
  return {
    place: () => ({ ...place, [Symbol.dispose]: () => {} }),
    before: [],
    // A lock file that could not be removed is free: what takes it next removes it, and so does a prune.
    after: [pull, run, { action: 'prune' }],
    check: () => expectRecovery(place),
    ...of,
  };
}

await done(place, pull);
const known: Site[] = [];
const found: { when: string; site: Site }[] = [];
for (const [when, each] of Object.entries(scenarios)) {
  const sites = await trial.sites(each, known);
  known.push(...sites);
  found.push(...sites.map((site) => ({ when, site })));
}

describe('a call that fails once, or writes a part', () => {
  it('is one of many', () => {
    for (const when of Object.keys(scenarios)) expect(found).toContainEqual(expect.objectContaining({ when }));
    for (const part of ['engine', 'oci-runtime', 'snapshots'])
      expect(known).toContainEqual(
        expect.objectContaining({ name: expect.stringMatching(new RegExp(`^(packages|plugins)/${part}/`)) }),
      );
    expect(known.length).toBeGreaterThan(60);
  });

  it.each(found)('while $when, at $site.name', ({ when, site }) => trial.try(scenarios[when as keyof typeof scenarios], site));

  it('has been tried at nearly all of them', () => {
    const { sites, faults, survived, missed } = trial.counts;
    process.stdout.write(`run: ${faults} faults at ${sites} sites, ${survived} survived, ${missed} not met\n`);
    expect(faults).toBeGreaterThan(120);
    expect(missed).toBeLessThan(faults / 20);
  });
});
