import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { contentPoint, defineTable, metadataPoint, type PullProgress } from '@slipway/plugin-api';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli, traceSteps } from './child.ts';
import { killedSteps } from './killed-steps.ts';
import { leftInPlace, namesIn, type Place } from './place.ts';
import { startSlowRegistry } from './slow-registry.ts';
import { everythingKept } from './store.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const newPlace = placesInMemory();

const registry = await startRegistry({ images: ['demo', 'small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const demo = `${registry.address}/test/demo:latest`;
const small = `${registry.address}/test/small:latest`;

const discarding = '[pull]\ndiscard_unpacked_layers = true\n[stacks.copy]\nsnapshotter = "native"';

function blobs(place: Place): string[] {
  return namesIn(path.join(place.root, 'content.v1/local/blobs/sha256')).map((hex) => `sha256:${hex}`);
}

describe('layers that are discarded once they are unpacked', () => {
  it('are gone, the image is whole, listed by what is here of it, inspected and run', async () => {
    using place = newPlace(discarding);
    await using engine = await place.open();
    const image = await engine.pull(demo);
    const { manifest, manifestDigest } = await engine.images.inspect(demo);
    const layers = manifest.layers.map(({ digest }) => digest);
    expect(blobs(place)).toEqual(expect.arrayContaining([manifestDigest, manifest.config.digest]));
    expect(blobs(place).filter((digest) => layers.includes(digest))).toEqual([]);
    expect(await wrongPaths(engine, demo, 'demo')).toEqual([]);
    const [listed] = await engine.images.list();
    expect(listed?.size).toBe((await engine.system.content()).reduce((sum, { size }) => sum + size, 0));
    expect(listed?.size).toBe(image.size);
    const container = await engine.run({ image: demo, name: path.basename(place.folder), args: ['echo', 'alive'] });
    expect((await container.output()).stdout.toString()).toBe('alive\n');
    expect((await engine.system.prune()).content).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('are not fetched by a pull of what is here, nor by one of an image that grows on the same', async () => {
    using place = newPlace(discarding);
    const fetched: string[] = [];
    await using watched = await startSlowRegistry(registry.address, (where) => {
      fetched.push(where);
      return undefined;
    });
    const [watchedDemo, watchedSmall] = ['demo', 'small'].map((name) => `${watched.address}/test/${name}:latest`);
    await using engine = await place.open();
    await engine.pull(watchedSmall ?? '');
    const [base] = (await engine.images.inspect(watchedSmall ?? '')).manifest.layers;
    fetched.length = 0;
    await engine.pull(watchedDemo ?? '');
    const [bottom] = (await engine.images.inspect(watchedDemo ?? '')).manifest.layers;
    expect(bottom?.digest).toBe(base?.digest);
    expect(fetched.filter((where) => where.includes('/blobs/') && where.includes(base?.digest ?? ''))).toEqual([]);
    fetched.length = 0;
    const events: PullProgress[] = [];
    await engine.pull(watchedDemo ?? '', { onProgress: (event) => void events.push(event) });
    expect(fetched.filter((where) => where.includes('/blobs/'))).toEqual([]);
    expect(events.map(({ type }) => type)).toEqual(['resolving', 'resolved']);
    expect(await wrongPaths(engine, watchedDemo ?? '', 'demo')).toEqual([]);
  });

  it('are fetched again when another stack must unpack them, and go again', async () => {
    using place = newPlace(discarding);
    await using engine = await place.open();
    await engine.pull(demo);
    const before = blobs(place);
    expect(await wrongPaths(engine, demo, 'demo', 'copy')).toEqual([]);
    expect(blobs(place)).toEqual(before);
    expect(leftInPlace(place)).toEqual([]);
    await engine.images.remove(demo);
    expect(await everythingKept(place)).toEqual([]);
  });

  it('stay while an image that was pulled without discarding has them', async () => {
    using place = newPlace('[stacks.copy]\nsnapshotter = "native"');
    await using engine = await place.open();
    await engine.pull(small);
    const [shared] = (await engine.images.inspect(small)).manifest.layers;
    await engine.pull(demo, { discardUnpackedLayers: true });
    const { layers } = (await engine.images.inspect(demo)).manifest;
    expect(layers.map(({ digest }) => blobs(place).includes(digest))).toEqual(
      layers.map(({ digest }) => digest === shared?.digest),
    );
    await engine.images.remove(small);
    expect(blobs(place)).not.toContain(shared?.digest);
    expect(await wrongPaths(engine, demo, 'demo')).toEqual([]);
  });

  it('a layer that was lost is fetched again, too, and stays', async () => {
    using place = newPlace('[stacks.copy]\nsnapshotter = "native"');
    await using engine = await place.open();
    await engine.pull(demo);
    const [layer] = (await engine.images.inspect(demo)).manifest.layers;
    await using host = await place.openHost();
    await (await host.kernel.get(contentPoint)).delete(layer?.digest ?? '');
    const table = defineTable<object>('content', (value) => value as object);
    await (await host.kernel.get(metadataPoint)).write((tx) => tx.delete(table, `default/${layer?.digest}`));
    expect(await wrongPaths(engine, demo, 'demo', 'copy')).toEqual([]);
    expect(blobs(place)).toContain(layer?.digest);
  });

  it('where they cannot be fetched again, the stack that has the trees goes on, and a retry works', async () => {
    using place = newPlace(discarding);
    let isAway = false;
    await using source = await startSlowRegistry(registry.address, (where) => {
      return isAway && where.includes('/blobs/') ? 'head' : undefined;
    });
    const image = `${source.address}/test/demo:latest`;
    await using engine = await place.open();
    await engine.pull(image);
    const before = blobs(place);
    const stop = new AbortController();
    isAway = true;
    const refused = engine.run({ image, stack: 'copy', args: ['true'], signal: stop.signal });
    void source.stalled.then(() => stop.abort());
    await expect(refused).rejects.toMatchObject({ kind: 'canceled' });
    expect(blobs(place)).toEqual(before);
    expect(leftInPlace(place)).toEqual([]);
    expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
    isAway = false;
    expect(await wrongPaths(engine, image, 'demo', 'copy')).toEqual([]);
    expect(blobs(place)).toEqual(before);
  });

  it('and whose registry is gone: another stack says which layer it lacks, and why that is needed', async () => {
    const gone = await startRegistry({ images: ['demo'] });
    using place = newPlace(discarding);
    await using engine = await place.open();
    const image = `${gone.address}/test/demo:latest`;
    await engine.pull(image);
    await gone[Symbol.asyncDispose]();
    const { manifest } = await engine.images.inspect(image);
    await expect(engine.run({ image, stack: 'copy', args: ['true'], pull: 'never' })).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(new RegExp(`layer "${manifest.layers[0]?.digest}" is needed .* is not here any more`)),
      details: { digest: manifest.layers[0]?.digest },
    });
    expect(leftInPlace(place)).toEqual([]);
  });

  it('the command line: pull --discard-layers', async () => {
    using place = newPlace();
    expect(await runCli(place, ['pull', '-q', '--discard-layers', demo])).toMatchObject({ status: 0 });
    await using engine = await place.open();
    const { layers } = (await engine.images.inspect(demo)).manifest;
    expect(layers.filter(({ digest }) => blobs(place).includes(digest))).toEqual([]);
  });
});

describe('kill -9 of a pull that discards', () => {
  it.each(killedSteps.discarded)('at %s', async (step) => {
    using place = newPlace(discarding);
    expect([...(await traceOnce()).keys()]).toContain(step);
    const killed = await runCli(place, ['pull', '-q', demo], { kill: { step, nth: 1, whom: ['command'] } });
    expect(killed).toMatchObject({ signal: 'SIGKILL' });
    await using engine = await place.open();
    await engine.system.prune();
    const { manifest } = await engine.images.inspect(demo);
    expect(manifest.layers.filter(({ digest }) => blobs(place).includes(digest))).toEqual([]);
    expect(await wrongPaths(engine, demo, 'demo')).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });
});

let traced: Map<string, number> | undefined;

async function traceOnce(): Promise<Map<string, number>> {
  using place = newPlace(discarding);
  traced ??= await traceSteps(place, { action: 'pull', image: demo });
  return traced;
}
