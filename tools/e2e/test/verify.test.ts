import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { imageLayout, readImage, startRegistry } from '@slipway/fixtures';
import { type Engine, rebuildStore, type VerifyOptions, type VerifyReport } from 'slipway';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli } from './child.ts';
import { expectRecovery } from './crash.ts';
import { flipBit } from './damage.ts';
import { killedSteps } from './killed-steps.ts';
import { blobFile, leftInPlace, namesIn, type Place } from './place.ts';
import { pulledPlaces } from './scene.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const newPlace = placesInMemory();

const registry = await startRegistry({ images: ['demo', 'small', 'medium'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;
const pulledPlace = pulledPlaces([image], newPlace);
const { manifestDigest, manifest } = readImage(imageLayout('demo'));
const layers = manifest.layers.map(({ digest }) => digest);

const stacks = [
  { snapshotter: 'overlay', config: '' },
  { snapshotter: 'native', config: '[stack]\nsnapshotter = "native"' },
];

async function verified(engine: Engine, options?: VerifyOptions): Promise<VerifyReport> {
  return await engine.system.verify(options);
}

async function expectWhole(place: Place, engine: Engine): Promise<void> {
  const { problems, unchecked, blobs, snapshots, bytes } = await verified(engine);
  expect({ problems, unchecked }).toEqual({ problems: [], unchecked: [] });
  expect(blobs).toBeGreaterThanOrEqual(layers.length + 2);
  expect(snapshots).toBeGreaterThanOrEqual(layers.length);
  expect(bytes).toBeGreaterThan(0);
  expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
  const container = await engine.run({ image, name: path.basename(place.folder), args: ['echo', 'alive'], pull: 'never' });
  expect((await container.output()).stdout.toString()).toBe('alive\n');
  expect(leftInPlace(place)).toEqual([]);
}

describe('a store that is whole', () => {
  it.each(stacks)('has no problem with $snapshotter, and nothing is left of looking', async ({ config }) => {
    using place = await pulledPlace(config);
    await using engine = await place.open();
    const folders = snapshotFolders(place);
    await expectWhole(place, engine);
    expect(snapshotFolders(place)).toEqual(folders);
  });

  it('has no problem either where layers were staged over whatever an image can have', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(`${registry.address}/test/medium:latest`);
    expect(await verified(engine)).toMatchObject({ problems: [], unchecked: [] });
  });

  it('can be empty', async () => {
    using place = newPlace();
    await using engine = await place.open();
    expect(await verified(engine)).toEqual({ blobs: 0, snapshots: 0, bytes: 0, problems: [], unchecked: [] });
    await expect(verified(engine, { images: ['nobody'] })).rejects.toMatchObject({ kind: 'not-found', code: 'IMAGE_NOT_FOUND' });
  });

  it('tells how far it is, and stops when it is not wanted any more', async () => {
    using place = await pulledPlace();
    await using engine = await place.open();
    const told: string[] = [];
    await verified(engine, { onProgress: ({ type }) => told.push(type) });
    expect(new Set(told)).toEqual(new Set(['blob', 'snapshot']));
    const abort = new AbortController();
    const onProgress = (): void => abort.abort();
    await expect(verified(engine, { signal: abort.signal, onProgress })).rejects.toMatchObject({ kind: 'canceled' });
    expect(leftInPlace(place)).toEqual([]);
  });
});

const blobs = [
  { what: 'manifest', digest: manifestDigest },
  { what: 'config', digest: manifest.config.digest },
  { what: 'lowest layer', digest: layers[0] ?? '' },
  { what: 'topmost layer', digest: layers.at(-1) ?? '' },
];
const damages: readonly { how: string; problem: string; damage: (file: string) => void }[] = [
  { how: 'a flipped bit', problem: 'damaged', damage: (file) => flipBit(file) },
  { how: 'a cut end', problem: 'damaged', damage: (file) => truncateSync(file, lstatSync(file).size - 1) },
  { how: 'no bytes at all, as power loss leaves them,', problem: 'damaged', damage: (file) => truncateSync(file, 0) },
  { how: 'bytes too many', problem: 'damaged', damage: (file) => writeFileSync(file, 'more', { flag: 'a' }) },
  { how: 'no file', problem: 'missing', damage: (file) => unlinkSync(file) },
  {
    how: 'a file that cannot be read',
    problem: 'unreadable',
    damage: (file) => {
      unlinkSync(file);
      symlinkSync(path.basename(file), file);
    },
  },
];

/** A flipped bit in each kind of blob, every other damage in one of them. */
const damagedBlobs = damages.flatMap((damage, index) => {
  const chosen = index === 0 ? blobs : blobs.slice(index % blobs.length, (index % blobs.length) + 1);
  return chosen.map((blob) => ({ ...blob, ...damage }));
});

describe('a damaged blob', () => {
  it.each(damagedBlobs)('$how in the $what is found, named and repaired', async ({ digest, problem, damage }) => {
    using place = await pulledPlace();
    await using engine = await place.open();
    damage(blobFile(place, digest));
    const found = await verified(engine);
    expect(found.problems).toMatchObject([{ what: 'blob', name: digest, problem, images: [image], repaired: false }]);
    expect((await verified(engine, { repair: true })).problems).toMatchObject([{ name: digest, repaired: true }]);
    await expectWhole(place, engine);
    await engine.images.remove(image);
    expect(namesIn(path.join(place.root, 'content.v1/local/blobs/sha256'))).toEqual([]);
  });

  it('everything at once, index, manifests, configs and layers of two images, is repaired', async () => {
    using place = await pulledPlace();
    await using engine = await place.open();
    await engine.pull(`${registry.address}/test/small:latest`);
    const folder = path.join(place.root, 'content.v1/local/blobs/sha256');
    for (const name of readdirSync(folder)) flipBit(path.join(folder, name));
    const { problems } = await verified(engine);
    expect(problems.map(({ name }) => name).sort()).toEqual(
      readdirSync(folder)
        .map((name) => `sha256:${name}`)
        .sort(),
    );
    expect((await verified(engine, { repair: true })).problems.filter(({ repaired }) => !repaired)).toEqual([]);
    await expectWhole(place, engine);
  });

  it('is looked for in the named images only', async () => {
    using place = await pulledPlace();
    await using engine = await place.open();
    const other = `${registry.address}/test/small:latest`;
    await engine.pull(other);
    const { target } = await engine.images.inspect(image);
    flipBit(blobFile(place, target.digest));
    expect((await verified(engine, { images: [other] })).problems).toEqual([]);
    expect((await verified(engine, { images: [image] })).problems).toMatchObject([{ name: target.digest, images: [image] }]);
  });

  it('that cannot be fetched again stays as it is, and the report says why', async () => {
    const gone = await startRegistry({ images: ['demo'] });
    using place = newPlace();
    await using engine = await place.open();
    const name = `${gone.address}/test/demo:latest`;
    await engine.pull(name);
    await gone[Symbol.asyncDispose]();
    const file = blobFile(place, layers[0] ?? '');
    flipBit(file);
    const { size } = lstatSync(file);
    const tree = lowestTree(place);
    for (const folder of ['.', ...namesIn(tree)]) chmodSync(path.join(tree, folder), 0o700);
    const { problems, unchecked } = await verified(engine, { repair: true });
    expect(problems).toMatchObject([{ problem: 'damaged', repaired: false, message: expect.stringContaining('not repaired') }]);
    // Nor is anything said of what lies on the snapshot that could not be compared.
    expect(unchecked).toMatchObject(layers.map(() => ({ images: [name] })));
    expect(lstatSync(file).size).toBe(size);
    expect(leftInPlace(place)).toEqual([]);
  });
});

interface TreeDamage {
  readonly what: string;
  readonly message: string;
  readonly damage: (tree: string) => void;
}

const treeDamages: readonly TreeDamage[] = [
  { what: 'a changed file', message: 'content', damage: (tree) => keepingTimes(busybox(tree), (file) => flipBit(file), 0o755) },
  { what: 'a changed time', message: 'changed at', damage: (tree) => utimesSync(busybox(tree), 1, 1) },
  { what: 'a changed mode', message: 'mode', damage: (tree) => chmodSync(busybox(tree), 0o4755) },
  { what: 'a changed owner', message: 'owner', damage: (tree) => chownSync(busybox(tree), 7, 7) },
  {
    what: 'an attribute too many',
    message: 'extended attribute',
    damage: (tree) => execFileSync('setfattr', ['-n', 'user.x', '-v', 'y', busybox(tree)]),
  },
  {
    what: 'a missing folder',
    message: 'missing',
    damage: (tree) => keepingTimes(tree, () => rmSync(path.join(tree, 'bin'), { recursive: true })),
  },
  {
    what: 'a file too many',
    message: 'expected nothing',
    damage: (tree) => keepingTimes(tree, () => writeFileSync(path.join(tree, 'more'), '')),
  },
  {
    what: 'a file of no bytes',
    message: '0 bytes',
    damage: (tree) => keepingTimes(busybox(tree), (file) => truncateSync(file, 0)),
  },
];

describe('a damaged snapshot', () => {
  it.each(stacks.flatMap((stack) => treeDamages.map((damage) => ({ ...stack, ...damage }))))(
    '$what with $snapshotter is found, named and repaired',
    async ({ config, snapshotter, message, damage }) => {
      using place = await pulledPlace(config);
      await using engine = await place.open();
      damage(lowestTree(place));
      const { problems } = await verified(engine);
      expect(problems).toMatchObject([
        {
          what: 'snapshot',
          snapshotter,
          problem: 'damaged',
          images: [image],
          repaired: false,
          message: expect.stringContaining(message),
        },
      ]);
      expect((await verified(engine, { repair: true })).problems).toMatchObject([{ repaired: true }]);
      await expectWhole(place, engine);
    },
  );

  it.each(stacks)('every layer that $snapshotter keeps is looked at for itself', async ({ config }) => {
    using place = await pulledPlace(config);
    await using engine = await place.open();
    for (const folder of snapshotFolders(place)) writeFileSync(path.join(folder, 'fs', 'more'), '');
    expect((await verified(engine)).problems).toHaveLength(layers.length);
    expect((await verified(engine, { repair: true })).problems.map(({ repaired }) => repaired)).toEqual(layers.map(() => true));
    await expectWhole(place, engine);
  });

  it.each(stacks)('one whose folder is gone is missing, with $snapshotter', async ({ config }) => {
    using place = await pulledPlace(config);
    await using engine = await place.open();
    renameSync(path.dirname(lowestTree(place)), path.join(place.root, 'aside'));
    // What grows on it cannot be told from it.
    const { problems } = await verified(engine);
    expect(new Set(problems.map(({ problem }) => problem))).toEqual(new Set(['missing']));
    expect((await verified(engine, { repair: true })).problems.map(({ repaired }) => repaired)).not.toContain(false);
    await expectWhole(place, engine);
  });

  it.each(stacks)('whose folder is gone is named to who runs it, with what helps, with $snapshotter', async ({ config }) => {
    using place = await pulledPlace(config);
    await using engine = await place.open();
    for (const folder of snapshotFolders(place)) rmSync(path.join(folder, 'fs'), { recursive: true });
    await expect(engine.run({ image, name: path.basename(place.folder) })).rejects.toMatchObject({
      kind: 'data-loss',
      code: 'SNAPSHOT_TREE_GONE',
      hint: expect.stringContaining('slipway verify --repair'),
    });
    await verified(engine, { repair: true });
    await expectWhole(place, engine);
  });

  it('is left alone while a container uses it, which is said by its name', async () => {
    using place = await pulledPlace();
    await using engine = await place.open();
    const id = path.basename(place.folder);
    const container = await engine.run({ image, name: id, args: ['sleep', '1000'] });
    chmodSync(busybox(lowestTree(place)), 0o700);
    const { problems } = await verified(engine, { repair: true });
    expect(problems).toMatchObject([{ repaired: false, message: expect.stringContaining(`container "${id}" uses it`) }]);
    await container[Symbol.asyncDispose]();
    expect((await verified(engine, { repair: true })).problems).toMatchObject([{ repaired: true }]);
    await expectWhole(place, engine);
  });
});

describe('layers that were discarded', () => {
  it('are no problem; what they made cannot be compared until a repair has fetched them, and a rebuild keeps the image', async () => {
    using place = newPlace('[pull]\ndiscard_unpacked_layers = true');
    {
      await using engine = await place.open();
      await engine.pull(image);
      expect(layers.filter((digest) => existsSync(blobFile(place, digest)))).toEqual([]);
      const { problems, unchecked } = await verified(engine);
      expect({ problems, count: unchecked.length }).toEqual({ problems: [], count: layers.length });
      chmodSync(busybox(lowestTree(place)), 0o700);
      const repaired = await verified(engine, { repair: true });
      expect(repaired).toMatchObject({ problems: [{ what: 'snapshot', repaired: true }], unchecked: [] });
      expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
    }
    expect(await rebuildStore(place.options)).toMatchObject({ lost: [], damaged: [], images: [{ name: image }] });
    await using engine = await place.open();
    expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
  });
});

describe('kill -9 of a repair', () => {
  it.each([...killedSteps.repair, 'snapshot.remove.recorded', 'unpack.applied'])(
    'at %s leaves nothing half done, and the next one repairs the rest',
    async (step) => {
      using place = await pulledPlace();
      flipBit(blobFile(place, layers[0] ?? ''));
      chmodSync(busybox(lowestTree(place)), 0o700);
      const killed = await runCli(place, ['verify', '--repair'], { kill: { step, nth: 1, whom: ['command'] } });
      expect(killed.signal).toBe('SIGKILL');
      {
        await using engine = await place.open();
        await engine.images.list();
        expect(leftInPlace(place)).toEqual([]);
        expect((await verified(engine, { repair: true })).problems.filter(({ repaired }) => !repaired)).toEqual([]);
      }
      await expectRecovery(place);
      await using engine = await place.open();
      // What was removed and not unpacked again is unpacked by whoever needs it.
      expect(await wrongPaths(engine, image, 'demo')).toEqual([]);
      expect((await verified(engine)).problems).toEqual([]);
    },
  );
});

describe('slipway verify', () => {
  it('says what is wrong and ends with 1 until it is repaired', async () => {
    using place = await pulledPlace();
    const fine = await runCli(place, ['verify']);
    expect({ status: fine.status, stdout: fine.stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('no problems'),
    });
    flipBit(blobFile(place, layers[0] ?? ''));
    const found = await runCli(place, ['verify', image]);
    expect(found.status).toBe(1);
    expect(found.stdout).toContain('damaged');
    expect(found.stdout).toContain(image);
    expect(found.stdout).toContain('--repair');
    const json = await runCli(place, ['verify', '--json']);
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ problems: [{ what: 'blob', name: layers[0], repaired: false }] });
    const repaired = await runCli(place, ['verify', '--repair']);
    expect(repaired).toMatchObject({ status: 0, stdout: expect.stringContaining('repaired') });
    expect((await runCli(place, ['run', '--rm', '--pull', 'never', image, 'true'])).status).toBe(0);
  });
});

function snapshotFolders(place: Place): string[] {
  return ['overlay', 'native'].flatMap((id) => {
    const folder = path.join(place.root, 'snapshotter.v1', id, 'snapshots');
    return namesIn(folder)
      .sort((a, b) => Number(a) - Number(b))
      .map((name) => path.join(folder, name));
  });
}

/** Layers are unpacked side by side, so a number says nothing of the order. */
function lowestTree(place: Place): string {
  const trees = snapshotFolders(place).map((folder) => path.join(folder, 'fs'));
  const sizes = trees.map((tree) => ({ tree, names: readdirSync(tree).length }));
  const withBusybox = sizes.filter(({ tree }) => existsSync(busybox(tree)));
  return withBusybox.sort((a, b) => a.names - b.names)[0]?.tree ?? '';
}

const busybox = (tree: string): string => path.join(tree, 'bin/busybox');

/** So that nothing but what is meant tells of the change. */
function keepingTimes(file: string, change: (file: string) => void, mode?: number): void {
  const { mtimeMs } = lstatSync(file);
  change(file);
  if (mode !== undefined) chmodSync(file, mode);
  execFileSync('touch', ['-d', `@${mtimeMs / 1000}`, file]);
}
