import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import type { StepKill } from '../src/request.ts';
import { type Command, startCommand } from './child.ts';
import { expectPullAndRun, expectRecovery } from './crash.ts';
import { killedSteps } from './killed-steps.ts';
import { leftInPlace, makePlace, type Place } from './place.ts';
import { everythingKept } from './store.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const demo = `${registry.address}/test/demo:latest`;

const deadlineMs = 120_000;

/**
 * Stands still at the first of these steps, with all of this process, until a pull in another process either has ended or waits
 * for this one.
 */
function pullAt(
  step: string,
  place: Place,
  kill?: StepKill,
): { readonly pull: () => Command; readonly steps: () => string[] } & Disposable {
  const trace = path.join(place.folder, 'trace');
  const steps = (): string[] => (existsSync(trace) ? readFileSync(trace, 'utf8').split('\n').slice(0, -1) : []);
  let pull: Command | undefined;
  const onStep = (message: unknown): void => {
    if (pull !== undefined || (message as { name: string }).name !== step) return;
    pull = startCommand(place, { action: 'pull', image: demo }, { trace, kill });
    const deadline = Date.now() + deadlineMs;
    while (!steps().some((name) => name === 'pull.recorded' || name === 'lease.waiting')) {
      if (Date.now() > deadline) throw new Error(`the pull neither ends nor waits: ${steps().join(', ')}`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  };
  subscribe('slipway:step', onStep);
  return {
    pull: () => {
      if (pull === undefined) throw new Error(`no step ${step}`);
      return pull;
    },
    steps,
    [Symbol.dispose]: () => void unsubscribe('slipway:step', onStep),
  };
}

describe('bug: a pull counted on a snapshot that a removal was about to take, and recorded an image without it', () => {
  it.each([
    ['with its layers', ''],
    ['of which the layers are discarded', '[pull]\ndiscard_unpacked_layers = true'],
  ])('an image %s', { timeout: 400_000 }, async (_, config) => {
    using place = makePlace(config);
    await using engine = await place.open();
    await engine.pull(demo);
    const all = (await engine.system.snapshots()).map(({ name }) => name);
    {
      using meanwhile = pullAt('sweep.unneeded', place);
      // Its garbage is collected while the pull brings it in again.
      await engine.images.remove(demo);
      expect(await meanwhile.pull().ended).toMatchObject({ status: 0, report: { outcome: 'done' } });
      expect(meanwhile.steps()).toContain('lease.waiting');
    }
    expect((await engine.system.snapshots()).map(({ name }) => name).toSorted()).toEqual(all.toSorted());
    expect(await engine.system.verify()).toMatchObject({ problems: [] });
    expect(leftInPlace(place)).toEqual([]);
    expect(await engine.system.prune({ all: true, partial: true })).toMatchObject({ failures: [] });
    expect(await everythingKept(place)).toEqual([]);
  });
});

describe('kill -9 of a pull that waits for a removal', () => {
  it.each(killedSteps.besideRemoval)('at %s: the removal goes on, and a retry works', async (step) => {
    using place = makePlace();
    await using engine = await place.open();
    await engine.pull(demo);
    {
      using meanwhile = pullAt('sweep.unneeded', place, { step, nth: 1, whom: ['command'] });
      await engine.images.remove(demo);
      expect(await meanwhile.pull().ended).toMatchObject({ signal: 'SIGKILL' });
    }
    await expectRecovery(place);
    await expectPullAndRun(place, demo, 'demo');
    expect(await engine.system.prune({ all: true, partial: true })).toMatchObject({ failures: [] });
    expect(await everythingKept(place)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });
});
