import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import { type Ended, runCli } from './child.ts';
import { expectPullAndRun, expectRecovery } from './crash.ts';
import { killedSteps } from './killed-steps.ts';
import { leftInPlace, type Place } from './place.ts';
import { pulledPlaces } from './scene.ts';
import { everythingKept, makeOrphan } from './store.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const registry = await startRegistry({ images: ['demo', 'small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const demo = `${registry.address}/test/demo:latest`;
const small = `${registry.address}/test/small:latest`;

const pulledPlace = pulledPlaces([demo, small], placesInMemory());

/** With something of everything that prune takes. */
async function placeWithGarbage(): Promise<Place> {
  const place = await pulledPlace();
  makeOrphan(place, 'lost');
  return place;
}

const steps = await stepsOfPrune();

// Asked of a real prune, so that a new step is tested without being written down here.
async function stepsOfPrune(): Promise<string[]> {
  using place = await placeWithGarbage();
  const trace = path.join(place.folder, 'trace');
  await runCli(place, ['prune', '--all'], { trace });
  return existsSync(trace) ? [...new Set(readFileSync(trace, 'utf8').split('\n').slice(0, -1))] : [];
}

const killed = (place: Place, step: string): Promise<Ended> =>
  runCli(place, ['prune', '--all'], { kill: { step, nth: 1, whom: ['command'] } });

describe('kill -9 of a prune', () => {
  it('meets the steps of looking, of snapshots and of content', () => {
    expect(steps).toEqual(expect.arrayContaining([...killedSteps.prune, 'snapshot.remove.recorded']));
  });

  it.each(steps)('at %s: what is listed is whole, and the next prune takes the rest', async (step) => {
    using place = await placeWithGarbage();
    expect(await killed(place, step)).toMatchObject({ signal: 'SIGKILL' });
    await expectRecovery(place);
    {
      await using engine = await place.open();
      for (const { name } of await engine.images.list()) {
        expect(await wrongPaths(engine, name, name === demo ? 'demo' : 'small')).toEqual([]);
      }
      await engine.pull(demo);
      expect(await wrongPaths(engine, demo, 'demo')).toEqual([]);
      expect(await engine.system.prune({ all: true, partial: true })).toMatchObject({ failures: [] });
    }
    expect(await everythingKept(place)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
    await expectPullAndRun(place, demo, 'demo');
  });
});
