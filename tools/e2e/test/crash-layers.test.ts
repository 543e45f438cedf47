import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ImageName, imageLayout, readImage, startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import { type Ended, runCommand, startCommand } from './child.ts';
import { expectPullAndRun, expectRecovery } from './crash.ts';
import { killedSteps } from './killed-steps.ts';
import { leftInPlace, type Place } from './place.ts';
import { type SlowRegistry, startSlowRegistry } from './slow-registry.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const newPlace = placesInMemory();

const registry = await startRegistry({ images: ['demo', 'links'] });
afterAll(() => registry[Symbol.asyncDispose]());

/** In `links` a layer is staged, and the one above it cannot be: it links to what is below. */
const name: ImageName = 'links';
const lowest = readImage(imageLayout(name)).manifest.layers[0]?.digest ?? '';

/** Pulls with the lowest layer held back until all others were read, so that they are staged. */
async function killedWhileStaging(place: Place, step: string): Promise<Ended> {
  const trace = path.join(place.folder, 'trace');
  const ended = new AbortController();
  await using held = await startSlowRegistry(registry.address, (where) =>
    where.includes(lowest) ? untilRead(trace, ended.signal) : undefined,
  );
  const request = { action: 'pull', image: imageOn(held) } as const;
  try {
    return await startCommand(place, request, { trace, kill: { step, nth: 1, whom: ['command'] } }).ended;
  } finally {
    ended.abort();
  }
}

async function untilRead(trace: string, ended: AbortSignal): Promise<void> {
  while (!ended.aborted) {
    const steps = existsSync(trace) ? readFileSync(trace, 'utf8').split('\n') : [];
    if (steps.includes('unpack.staged') && steps.includes('unpack.unstaged')) return;
    await sleep(5);
  }
}

const imageOn = ({ address }: Pick<SlowRegistry, 'address'>): string => `${address}/test/${name}:latest`;

describe('kill -9 of a pull whose layers are read out of order', () => {
  it.each(killedSteps.staged)('at %s', async (step) => {
    using place = newPlace();
    expect(await killedWhileStaging(place, step)).toMatchObject({ signal: 'SIGKILL' });
    await expectRecovery(place);
    await expectPullAndRun(place, imageOn(registry), name);
    expect(leftInPlace(place)).toEqual([]);
  });
});

describe('kill -9 of a run that fetches layers again which were discarded', () => {
  const image = `${registry.address}/test/demo:latest`;

  it.each(killedSteps.fetchedAgain)('at %s', async (step) => {
    using place = newPlace('[pull]\ndiscard_unpacked_layers = true\n[stacks.copy]\nsnapshotter = "native"');
    const id = path.basename(place.folder);
    const run = { action: 'run', image, stack: 'copy', id, args: ['sh', '-c', 'echo hello'] } as const;
    expect(await runCommand(place, { action: 'pull', image })).toMatchObject({ status: 0 });
    expect(await runCommand(place, run, { kill: { step, nth: 1, whom: ['command'] } })).toMatchObject({ signal: 'SIGKILL' });
    expect(await runCommand(place, run)).toMatchObject({ report: { outcome: 'done', exitCode: 0, stdout: 'hello\n' } });
    await using engine = await place.open();
    await engine.system.prune({ partial: true });
    const { layers } = (await engine.images.inspect(image)).manifest;
    const kept = (await engine.system.content()).map(({ digest }) => digest);
    expect(layers.filter(({ digest }) => kept.includes(digest))).toEqual([]);
    expect(await wrongPaths(engine, image, 'demo', 'copy')).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });
});
