import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import path from 'node:path';
import { imageLayout, readImage, startRegistry } from '@slipway/fixtures';
import { type Engine, isKind } from 'slipway';
import { afterAll, describe, expect, it } from 'vitest';
import { traceSteps } from './child.ts';
import { leftInPlace, namesIn, type Place } from './place.ts';
import { type Stall, startSlowRegistry } from './slow-registry.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const newPlace = placesInMemory();

const registry = await startRegistry({ images: ['demo', 'medium'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;
const [, secondLayer = ''] = readImage(imageLayout('demo')).manifest.layers.map(({ digest }) => digest);

const prepared = newPlace();
afterAll(() => prepared[Symbol.dispose]());
const id = path.basename(prepared.folder);
const stepsOfPull = [...(await traceSteps(prepared, { action: 'pull', image })).keys()];
const stepsOfRun = [...(await traceSteps(prepared, { action: 'run', image, id, args: ['true'] })).keys()];

/** Calls at the first occurrence of a step in this thread. */
function atStep(step: string, call: () => void): Disposable {
  let called = false;
  const listen = (message: unknown): void => {
    if (called || (message as { name: string }).name !== step) return;
    called = true;
    call();
  };
  subscribe('slipway:step', listen);
  return { [Symbol.dispose]: () => void unsubscribe('slipway:step', listen) };
}

function abortAt(step: string): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  return { signal: controller.signal, ...atStep(step, () => controller.abort()) };
}

/** The engine goes on: the same engine pulls and shows the image. */
async function expectUsable(place: Place, engine: Engine): Promise<void> {
  expect(leftInPlace(place)).toEqual([]);
  await engine.pull(image);
  expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
}

describe('an aborted pull', () => {
  const stalls: { readonly during: string; readonly stall: (path: string) => Stall }[] = [
    { during: 'resolving', stall: (where) => (where.includes('/manifests/latest') ? 'head' : undefined) },
    { during: 'waiting for a layer', stall: (where) => (where.includes(secondLayer) ? 'head' : undefined) },
    { during: 'downloading a layer', stall: (where) => (where.includes(secondLayer) ? 'body' : undefined) },
  ];

  it.each(stalls)('is canceled while $during takes for ever', async ({ stall }) => {
    using place = newPlace();
    await using slow = await startSlowRegistry(registry.address, stall);
    await using engine = await place.open();
    const controller = new AbortController();
    const pull = engine.pull(`${slow.address}/test/demo:latest`, { signal: controller.signal });
    void slow.stalled.then(() => controller.abort());
    await expect(pull).rejects.toMatchObject({ kind: 'canceled' });
    expect(await engine.images.list()).toEqual([]);
    await expectUsable(place, engine);
  });

  it.each(stepsOfPull)('is canceled or done, and nothing is left, when it is aborted at %s', async (step) => {
    using place = newPlace();
    await using engine = await place.open();
    using abort = abortAt(step);
    const [outcome] = await Promise.allSettled([engine.pull(image, { signal: abort.signal })]);
    expect(abort.signal.aborted).toBe(true);
    const listed = (await engine.images.list()).map(({ name }) => name);
    if (outcome.status === 'fulfilled') expect(listed).toEqual([image]);
    else {
      expect(outcome.reason).toMatchObject({ kind: 'canceled' });
      expect(listed).toEqual([]);
    }
    await expectUsable(place, engine);
  });

  it('is canceled in the middle of a large layer', async () => {
    using place = newPlace();
    await using engine = await place.open();
    const controller = new AbortController();
    const pull = engine.pull(`${registry.address}/test/medium:latest`, {
      signal: controller.signal,
      onProgress: (event) => {
        if (event.type === 'layer' && event.phase === 'unpacking' && event.current > 0) controller.abort();
      },
    });
    await expect(pull).rejects.toMatchObject({ kind: 'canceled' });
    expect(namesIn(path.join(place.root, 'snapshotter.v1/overlay/snapshots'))).toEqual([]);
    await expectUsable(place, engine);
  });

  it('that was aborted before it began does nothing', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await expect(engine.pull(image, { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'canceled' });
    await expectUsable(place, engine);
  });
});

describe('an aborted run', () => {
  it.each(stepsOfRun)('is canceled or its container is killed when it is aborted at %s', async (step) => {
    {
      await using engine = await prepared.open();
      using abort = abortAt(step);
      const args = ['sh', '-c', 'sleep 2'];
      try {
        const container = await engine.run({ image, name: id, args, signal: abort.signal });
        const { exitCode } = await container.output();
        // Aborted when it had ended by itself, or killed.
        expect(exitCode).toBeOneOf([0, 137]);
      } catch (error) {
        if (!isKind(error, 'canceled')) throw error;
      }
      expect(abort.signal.aborted).toBe(true);
      expect(leftInPlace(prepared)).toEqual([]);
      const container = await engine.run({ image, name: id, args: ['echo', 'again'] });
      expect((await container.output()).stdout.toString()).toBe('again\n');
    }
    expect(leftInPlace(prepared)).toEqual([]);
  });

  it('kills a container that has long been running', async () => {
    await using engine = await prepared.open();
    const controller = new AbortController();
    const container = await engine.run({
      image,
      name: id,
      args: ['sh', '-c', 'echo up; sleep 100000'],
      signal: controller.signal,
    });
    container.stdout?.once('data', () => controller.abort());
    expect(await container.wait()).toMatchObject({ exitCode: 137, signal: 9 });
    expect(leftInPlace(prepared)).toEqual([]);
  });

  it('is canceled while the image that it needs is pulled', async () => {
    using place = newPlace();
    await using slow = await startSlowRegistry(registry.address, (where) => (where.includes(secondLayer) ? 'body' : undefined));
    await using engine = await place.open();
    const controller = new AbortController();
    const run = engine.run({ image: `${slow.address}/test/demo:latest`, args: ['true'], signal: controller.signal });
    void slow.stalled.then(() => controller.abort());
    await expect(run).rejects.toMatchObject({ kind: 'canceled' });
    await expectUsable(place, engine);
  });
});

describe('an engine that is disposed of', () => {
  it('kills its containers and leaves nothing', async () => {
    {
      await using engine = await prepared.open();
      await engine.run({ image, name: id, args: ['sleep', '100000'] });
    }
    expect(leftInPlace(prepared)).toEqual([]);
  });

  it('in the middle of a pull cancels it and leaves nothing', async () => {
    using place = newPlace();
    await using slow = await startSlowRegistry(registry.address, (where) => (where.includes(secondLayer) ? 'body' : undefined));
    const engine = await place.open();
    const [outcome] = await Promise.allSettled([
      engine.pull(`${slow.address}/test/demo:latest`),
      slow.stalled.then(() => engine[Symbol.asyncDispose]()),
    ]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'canceled' } });
    expect(leftInPlace(place)).toEqual([]);
    await expect(engine.pull(image)).rejects.toMatchObject({ kind: 'canceled' });
  });

  it.each(stepsOfRun)('in the middle of a run, at %s, ends it and leaves nothing', async (step) => {
    const engine = await prepared.open();
    const closing = Promise.withResolvers<void>();
    using _at = atStep(step, () => engine[Symbol.asyncDispose]().then(closing.resolve, closing.reject));
    try {
      const container = await engine.run({ image, name: id, args: ['true'] });
      await container.output();
    } catch (error) {
      if (!isKind(error, 'canceled')) throw error;
    }
    await closing.promise;
    expect(leftInPlace(prepared)).toEqual([]);
  });
});
