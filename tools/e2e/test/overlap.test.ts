import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { imageLayout, readImage, startRegistry } from '@slipway/fixtures';
import { afterAll, expect, it } from 'vitest';
import { leftInPlace, makePlace } from './place.ts';
import { startSlowRegistry } from './slow-registry.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const layers = readImage(imageLayout('demo')).manifest.layers.map(({ digest }) => digest);
const [first = '', last = ''] = [layers.at(0), layers.at(-1)];

it('layers are unpacked while one above them is still on its way', async () => {
  using place = makePlace();
  await using slow = await startSlowRegistry(registry.address, (where) => (where.includes(last) ? 'body' : undefined));
  await using engine = await place.open();
  const controller = new AbortController();
  const unpacked: string[] = [];
  const pull = engine.pull(`${slow.address}/test/demo:latest`, {
    signal: controller.signal,
    // The last layer never arrives: this ends only if the others do not wait for it.
    onProgress: (event) => {
      if (event.type !== 'layer' || event.phase !== 'unpacked') return;
      unpacked.push(event.digest);
      if (unpacked.length === layers.length - 1) controller.abort();
    },
  });
  await expect(pull).rejects.toMatchObject({ kind: 'canceled' });
  expect(unpacked).toEqual(layers.slice(0, -1));
});

it('layers are read while the lowest one is still on its way, and nothing of them is left when it never comes', async () => {
  using place = makePlace();
  await using slow = await startSlowRegistry(registry.address, (where) => (where.includes(first) ? 'body' : undefined));
  await using engine = await place.open();
  const controller = new AbortController();
  let staged = 0;
  const count = (message: unknown): void => {
    if ((message as { name: string }).name === 'unpack.staged' && ++staged === layers.length - 1) controller.abort();
  };
  subscribe('slipway:step', count);
  try {
    const pull = engine.pull(`${slow.address}/test/demo:latest`, { signal: controller.signal });
    await expect(pull).rejects.toMatchObject({ kind: 'canceled' });
  } finally {
    unsubscribe('slipway:step', count);
  }
  expect(staged).toBe(layers.length - 1);
  expect(leftInPlace(place)).toEqual([]);
  expect((await engine.system.snapshots()).map(({ name }) => name)).toEqual([]);
});
