import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { imageLayout, readImage, startRegistry } from '@slipway/fixtures';
import type { PullProgress } from '@slipway/plugin-api';
import { rebuildStore } from 'slipway';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli, runCommand } from './child.ts';
import { expectPullAndRun } from './crash.ts';
import { flipBit } from './damage.ts';
import { killedSteps } from './killed-steps.ts';
import { blobFile, leftInPlace, namesIn, type Place } from './place.ts';
import { pulledPlaces } from './scene.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const newPlace = placesInMemory();

const names = ['demo', 'small', 'links'] as const;
const registry = await startRegistry({ images: names });
afterAll(() => registry[Symbol.asyncDispose]());
const nameOf = (image: (typeof names)[number]): string => `${registry.address}/test/${image}:latest`;
const demo = nameOf('demo');

const database = (place: Place): string => path.join(place.root, 'metadata.v1/lmdb/data.mdb');

/** All but the first two pages, which say what the file is. */
function overwritePages(file: string, byte: number): void {
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(byte, 8192));
}

const damages: readonly { how: string; damage: (file: string) => void }[] = [
  { how: 'truncated to nothing', damage: (file) => truncateSync(file, 0) },
  { how: 'truncated in the middle', damage: (file) => truncateSync(file, 20_000) },
  { how: 'overwritten with zeros', damage: (file) => writeFileSync(file, Buffer.alloc(statSync(file).size)) },
  { how: 'overwritten with something else', damage: (file) => writeFileSync(file, 'x'.repeat(100_000)) },
  { how: 'zeroed behind its first pages', damage: (file) => overwritePages(file, 0) },
  { how: 'overwritten behind its first pages', damage: (file) => overwritePages(file, 0xa5) },
];

const placeOfThree = pulledPlaces(names.map(nameOf), newPlace);

async function imagesIn(place: Place): Promise<Map<string, string>> {
  await using engine = await place.open();
  return new Map((await engine.images.list()).map(({ name, target }) => [name, target.digest]));
}

describe('metadata that was', () => {
  it.each(damages)('$how: a clear error that says what helps, and then everything is there again', async ({ damage }) => {
    using place = await placeOfThree();
    const before = await imagesIn(place);
    damage(database(place));
    const refused = await runCli(place, ['images', '--json']);
    expect(refused.status).toBe(1);
    const error = JSON.parse(refused.stderr.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>;
    expect(error).toMatchObject({ kind: 'data-loss', code: expect.stringContaining('METADATA_') });
    expect(error['message']).toContain(database(place));
    expect(error['hint']).toContain('slipway system rebuild');

    const rebuilt = await runCli(place, ['system', 'rebuild']);
    expect(rebuilt).toMatchObject({ status: 0, stderr: '' });
    const [, moved = ''] = /^Moved: (.*)$/m.exec(rebuilt.stdout) ?? [];
    expect(existsSync(path.join(moved, 'data.mdb'))).toBe(true);
    await expectSameImages(place, before);
  });
});

async function expectSameImages(place: Place, before: ReadonlyMap<string, string>): Promise<void> {
  await using engine = await place.open();
  const after = new Map((await engine.images.list()).map(({ name, target }) => [name, target.digest]));
  expect(after).toEqual(before);
  // Nothing but the layers is needed of content, and no registry.
  const id = path.basename(place.folder);
  const container = await engine.run({ image: demo, name: id, args: ['echo', 'alive'], pull: 'never' });
  expect((await container.output()).stdout.toString()).toBe('alive\n');
  expect(await wrongPaths(engine, demo, 'demo')).toEqual([]);
  expect((await engine.system.verify()).problems).toEqual([]);
  expect((await engine.system.prune()).content).toEqual([]);
  for (const name of after.keys()) await engine.images.remove(name);
  await engine.system.prune({ partial: true });
  expect(namesIn(path.join(place.root, 'content.v1/local/blobs/sha256'))).toEqual([]);
  expect(namesIn(path.join(place.root, 'snapshotter.v1/overlay/snapshots'))).toEqual([]);
  expect(leftInPlace(place)).toEqual([]);
}

describe('rebuilding', () => {
  it('of metadata that is gone without a trace', async () => {
    using place = await placeOfThree();
    const before = await imagesIn(place);
    rmSync(path.dirname(database(place)), { recursive: true });
    const { movedTo, lost, damaged } = await rebuildStore(place.options);
    expect({ movedTo, lost, damaged }).toEqual({ movedTo: undefined, lost: [], damaged: [] });
    await expectSameImages(place, before);
  });

  it('is what every command asks for when metadata is gone, and nothing is swept or written over before', async () => {
    using place = await placeOfThree();
    const before = await imagesIn(place);
    rmSync(path.dirname(database(place)), { recursive: true });
    for (const command of [['images'], ['prune', '--all'], ['pull', demo]]) {
      const refused = await runCli(place, [...command, '--json']);
      expect(refused.status).toBe(1);
      expect(JSON.parse(refused.stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
        kind: 'data-loss',
        code: 'METADATA_LOST',
        hint: expect.stringContaining('slipway system rebuild'),
      });
    }
    // Nor does a rebuild that is cut off make it a store like any other.
    const killed = await runCli(place, ['system', 'rebuild'], { kill: { step: 'rebuild.hashed', nth: 1, whom: ['command'] } });
    expect(killed.signal).toBe('SIGKILL');
    expect((await runCli(place, ['prune', '--all'])).stderr).toContain('slipway system rebuild');
    expect((await rebuildStore(place.options)).lost).toEqual([]);
    await expectSameImages(place, before);
  });

  it('of metadata that is whole takes the names from it, where there is no copy', async () => {
    using place = await placeOfThree();
    const before = await imagesIn(place);
    rmSync(path.join(place.root, 'names'), { recursive: true });
    expect((await rebuildStore(place.options)).images).toHaveLength(names.length);
    await expectSameImages(place, before);
  });

  it('keeps a damaged blob out of the books, says which image is incomplete, and a pull completes it', async () => {
    using place = await placeOfThree();
    const [layer = ''] = readImage(imageLayout('demo'))
      .manifest.layers.slice(1)
      .map(({ digest }) => digest);
    flipBit(blobFile(place, layer));
    truncateSync(database(place), 5000);
    const rebuilt = await rebuildStore(place.options);
    expect(rebuilt).toMatchObject({ damaged: [layer], lost: [demo] });
    expect(rebuilt.images.map(({ name }) => name).sort()).toEqual([nameOf('links'), nameOf('small')].sort());
    {
      // What is left of it serves the pull, and is not swept before; the damaged blob is.
      await using engine = await place.open();
      expect((await engine.system.prune({ dryRun: true })).content).toEqual([layer]);
    }
    await expectPullAndRun(place, demo, 'demo');
    await using engine = await place.open();
    expect((await engine.system.verify()).problems).toEqual([]);
  });

  it('is refused while a container runs, and changes nothing', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(demo);
    const id = path.basename(place.folder);
    await using container = await engine.run({ image: demo, name: id, args: ['sleep', '1000'] });
    const refused = await runCli(place, ['system', 'rebuild', '--json']);
    expect(refused.status).toBe(1);
    expect(JSON.parse(refused.stderr)).toMatchObject({ kind: 'failed-precondition', code: 'STORE_IN_USE' });
    expect(readdirSync(path.join(place.root, 'metadata.v1'))).toEqual(['lmdb']);
    expect(container.pid).toBeGreaterThan(0);
    expect(await engine.images.list()).toHaveLength(1);
  });

  it('is refused while a process has the metadata open, or an image is mounted', async () => {
    using place = newPlace();
    {
      await using engine = await place.open();
      await engine.pull(demo);
      await expect(rebuildStore(place.options)).rejects.toMatchObject({ code: 'STORE_IN_USE' });
    }
    const directory = path.join(place.folder, 'mnt');
    mkdirSync(directory);
    expect((await runCli(place, ['images', 'mount', demo, directory])).status).toBe(0);
    await expect(rebuildStore(place.options)).rejects.toMatchObject({
      code: 'STORE_IN_USE',
      message: expect.stringContaining(directory),
    });
    expect((await runCli(place, ['images', 'unmount', directory])).status).toBe(0);
    expect((await rebuildStore(place.options)).images).toHaveLength(1);
  });

  it.each(killedSteps.rebuild)('killed at %s is done by the next one', async (step) => {
    using place = await placeOfThree();
    const before = await imagesIn(place);
    truncateSync(database(place), 5000);
    const killed = await runCli(place, ['system', 'rebuild'], { kill: { step, nth: 1, whom: ['command'] } });
    expect(killed.signal).toBe('SIGKILL');
    const { lost, damaged } = await rebuildStore(place.options);
    expect({ lost, damaged }).toEqual({ lost: [], damaged: [] });
    await expectSameImages(place, before);
  });
});

describe('the copy of the names', () => {
  it('that is lost with the metadata: it is said that only content is restored, which a pull then does not fetch', async () => {
    using place = await placeOfThree();
    const before = await imagesIn(place);
    rmSync(path.join(place.root, 'names'), { recursive: true });
    rmSync(path.dirname(database(place)), { recursive: true });
    const rebuilt = await runCli(place, ['system', 'rebuild']);
    expect(rebuilt).toMatchObject({ status: 1, stderr: '' });
    expect(rebuilt.stdout).toContain('only content is restored');
    {
      await using engine = await place.open();
      let fetched = 0;
      const onProgress = (event: PullProgress): void => {
        if (event.type === 'layer' && event.phase === 'downloading') fetched += event.current;
      };
      for (const name of before.keys()) await engine.pull(name, { onProgress });
      expect(fetched).toBe(0);
    }
    await expectSameImages(place, before);
  });

  it('that is damaged is said before anything is moved, and can be left out', async () => {
    using place = newPlace();
    await runCommand(place, { action: 'pull', image: nameOf('small') });
    truncateSync(database(place), 5000);
    writeFileSync(path.join(place.root, 'names/index.json'), '{"manifests":[{}]}');
    const damaged = { kind: 'data-loss', code: 'NAMES_COPY_DAMAGED' };
    await expect(rebuildStore(place.options)).rejects.toMatchObject(damaged);
    expect(readdirSync(path.join(place.root, 'metadata.v1'))).toEqual(['lmdb']);
    rmSync(path.join(place.root, 'names/index.json'));
    expect(await rebuildStore(place.options)).toMatchObject({ images: [], lost: [], damaged: [] });
    await expectPullAndRun(place, nameOf('small'), 'small');
  });

  const copied = (place: Place): string[] => {
    const { manifests } = JSON.parse(readFileSync(path.join(place.root, 'names/index.json'), 'utf8')) as {
      manifests: { annotations: Record<string, string> }[];
    };
    return manifests.map(({ annotations }) => annotations['org.opencontainers.image.ref.name'] ?? '');
  };

  it('follows every pull, removal and prune', async () => {
    using place = newPlace();
    await using engine = await place.open();
    for (const name of names) await engine.pull(nameOf(name));
    expect(new Set(copied(place))).toEqual(new Set(names.map(nameOf)));
    await engine.images.remove(demo);
    expect(copied(place)).toEqual([nameOf('links'), nameOf('small')]);
    await engine.system.prune({ all: true });
    expect(copied(place)).toEqual([]);
  });

  it('is made good by the next command when a pull was killed before it', async () => {
    using place = newPlace();
    await runCommand(place, { action: 'pull', image: nameOf('small') });
    await runCommand(place, { action: 'pull', image: demo }, { kill: { step: 'names.changed', nth: 1, whom: ['command'] } });
    expect(copied(place)).toEqual([nameOf('small')]);
    await runCommand(place, { action: 'list' });
    expect(copied(place)).toEqual([demo, nameOf('small')]);
  });
});
