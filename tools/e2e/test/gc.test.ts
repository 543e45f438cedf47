import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import type { Engine } from 'slipway';
import { afterAll, describe, expect, it } from 'vitest';
import { type Ended, runCli, runCommand } from './child.ts';
import { expectPullAndRun, expectRecovery } from './crash.ts';
import { blobFile, leftInPlace, namesIn } from './place.ts';
import { startSlowRegistry } from './slow-registry.ts';
import { everythingKept, leases, makeIngest, makeOrphan, smallDisk } from './store.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const newPlace = placesInMemory();

const registry = await startRegistry({ images: ['demo', 'small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const demo = `${registry.address}/test/demo:latest`;
const small = `${registry.address}/test/small:latest`;

const nothing = { images: [], content: [], snapshots: [], ingests: [], bytes: 0, failures: [] };

describe('prune', () => {
  it('takes nothing of what is named, and all of what is not', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(demo);
    await engine.pull(small);
    expect(await engine.system.prune()).toEqual(nothing);
    expect(await wrongPaths(engine, demo, 'demo')).toEqual([]);
    const planned = await engine.system.prune({ all: true, dryRun: true });
    expect(planned.images).toEqual([demo, small]);
    expect(await engine.images.list()).toHaveLength(2);
    const pruned = await engine.system.prune({ all: true });
    expect({ ...pruned, content: new Set(pruned.content) }).toEqual({ ...planned, content: new Set(planned.content) });
    expect(await everythingKept(place)).toEqual([]);
    expect(await engine.system.prune()).toEqual(nothing);
  });

  it('makes nothing for stacks that nobody uses, nor do the looks of verify and rebuild', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(small);
    await engine.system.prune({ all: true, partial: true });
    expect((await engine.system.verify()).problems).toEqual([]);
    await engine.system.rebuild();
    expect(namesIn(path.join(place.root, 'snapshotter.v1/kata')).filter((name) => name !== 'snapshots')).toEqual([]);
  });

  it('--all keeps the image of a container and one that is mounted', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(demo);
    await engine.pull(small);
    const mounted = path.join(place.folder, 'mounted');
    mkdirSync(mounted);
    await engine.images.mount(demo, mounted);
    const container = await engine.run({ image: small, name: path.basename(place.folder), args: ['sleep', '100000'] });
    expect(await engine.system.prune({ all: true })).toEqual(nothing);
    expect(await engine.system.diskUsage()).toMatchObject({
      images: { count: 2, active: 2, reclaimable: 0 },
      containers: { count: 1 },
    });
    await container.kill();
    await container.wait();
    await engine.images.unmount(mounted);
    expect((await engine.system.prune({ all: true })).images).toEqual([demo, small]);
    expect(await everythingKept(place)).toEqual([]);
  });

  it('finds blobs that no metadata knows of, in the store of an image that is there', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(demo);
    const orphan = makeOrphan(place, 'lost');
    expect((await engine.system.diskUsage()).content).toMatchObject({ reclaimable: 4 });
    expect(await engine.system.prune()).toEqual({ ...nothing, content: [orphan], bytes: 4 });
    expect(existsSync(blobFile(place, orphan))).toBe(false);
    expect(await wrongPaths(engine, demo, 'demo')).toEqual([]);
  });

  it('leaves alone what a pull in another process has brought in, recorded or not', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.images.list();
    await using slow = await startSlowRegistry(registry.address, (where) => (where.includes('/manifests/') ? undefined : 'body'));
    const pull = runCli(place, ['pull', `${slow.address}/test/demo`]);
    await slow.stalled;
    // As the moment between the rename of a blob and its row: leased, in the store, in no row.
    const leased = (await leases(place)).flatMap(({ content }) => content);
    const file = leased.map((digest) => blobFile(place, digest)).find((one) => !existsSync(one)) ?? '';
    writeFileSync(file, '');
    const pruned = await engine.system.prune({ partial: true, all: true });
    expect(pruned).toMatchObject({ content: [], ingests: [], failures: [] });
    expect(existsSync(file)).toBe(true);
    await slow[Symbol.asyncDispose]();
    await pull;
  });

  it('takes what a cut-off pull left for its retry only with --partial', async () => {
    using place = newPlace();
    await runCommand(place, { action: 'pull', image: demo }, { kill: { step: 'unpack.applied', nth: 1, whom: ['command'] } });
    await using engine = await place.open();
    expect(await engine.system.prune()).toEqual(nothing);
    expect((await engine.system.content()).length).toBeGreaterThan(0);
    expect((await engine.system.prune({ partial: true })).content.length).toBeGreaterThan(0);
    expect(await everythingKept(place)).toEqual([]);
    await expectPullAndRun(place, demo, 'demo');
  });

  it('takes a download that nobody went on with for a day', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.images.list();
    const [young, old] = ['young', 'old'].map((ref) => makeIngest(place, ref));
    utimesSync(path.join(old ?? '', 'data'), new Date(0), new Date(0));
    expect((await engine.system.diskUsage()).ingests).toEqual({ count: 2, active: 1, bytes: 8, reclaimable: 3 });
    expect(await engine.system.prune()).toEqual({ ...nothing, ingests: ['old'], bytes: 3 });
    expect(existsSync(young ?? '')).toBe(true);
    expect(await engine.system.prune({ partial: true })).toEqual({ ...nothing, ingests: ['young'], bytes: 5 });
  });
});

describe('one failure does not keep the rest', () => {
  it('a blob that cannot be unlinked: the others go, it is told, and a retry takes it', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(demo);
    const digest = (await engine.images.inspect(demo)).manifest.layers[0]?.digest ?? '';
    using busy = busyFile(blobFile(place, digest));
    const pruned = await engine.system.prune({ all: true });
    expect(pruned.failures).toEqual([
      { what: `blob "${digest}"`, kind: expect.any(String), code: 'SYSTEM_EBUSY', message: expect.stringContaining(digest) },
    ]);
    expect(namesIn(path.dirname(busy.file))).toEqual([path.basename(busy.file)]);
    expect(await everythingKept(place)).toEqual([`blob ${digest}`, `row ${digest}`]);
    busy[Symbol.dispose]();
    expect(await engine.system.prune()).toMatchObject({ content: [digest], failures: [] });
    expect(await everythingKept(place)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });

  it('a blob that could not be deleted serves a pull', async () => {
    using place = newPlace();
    await using engine = await place.open();
    await engine.pull(demo);
    const digest = (await engine.images.inspect(demo)).manifest.layers[0]?.digest ?? '';
    {
      using _busy = busyFile(blobFile(place, digest));
      expect((await engine.images.remove(demo)).failures).toHaveLength(1);
    }
    await expectPullAndRun(place, demo, 'demo');
  });

  it('a snapshot whose folder is in use: exit code 1, and a retry takes it', async () => {
    using place = newPlace();
    let folder = '';
    {
      await using engine = await place.open();
      await engine.pull(demo);
      folder = path.join(place.root, 'snapshotter.v1/overlay/snapshots');
    }
    const busy = path.join(folder, namesIn(folder)[0] ?? '', 'fs/busy');
    mkdirSync(busy);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', busy], { stdio: 'pipe' });
    let failed: Ended;
    try {
      failed = await runCli(place, ['prune', '--all', '--json']);
    } finally {
      execFileSync('umount', [busy], { stdio: 'pipe' });
    }
    expect(failed.status).toBe(1);
    const report = JSON.parse(failed.stdout) as Awaited<ReturnType<Engine['system']['prune']>>;
    expect(report.failures.length).toBeGreaterThan(0);
    expect(report.images).toEqual([demo]);
    expect(namesIn(path.join(place.root, 'content.v1/local/blobs/sha256'))).toEqual([]);
    expect(await runCli(place, ['prune', '-q'])).toMatchObject({ status: 0 });
    expect(await everythingKept(place)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });
});

/** Unlinking it fails with EBUSY until disposed. */
function busyFile(file: string): { readonly file: string } & Disposable {
  execFileSync('mount', ['--bind', file, file], { stdio: 'pipe' });
  let isMounted = true;
  return {
    file,
    [Symbol.dispose]: () => {
      if (isMounted) execFileSync('umount', [file], { stdio: 'pipe' });
      isMounted = false;
    },
  };
}

describe('on a full disk', () => {
  it('prune makes room: names, snapshots, blobs, downloads', async () => {
    using disk = smallDisk();
    const { place } = disk;
    {
      await using engine = await place.open();
      await engine.pull(demo);
      makeIngest(place, 'cut off');
    }
    disk.fill(0);
    await using engine = await place.open();
    const pruned = await engine.system.prune({ all: true, partial: true });
    expect(pruned).toMatchObject({ images: [demo], ingests: ['cut off'], failures: [] });
    expect(await everythingKept(place)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
    disk.empty();
    await expectPullAndRun(place, demo, 'demo');
  });
});

describe('several processes that pull, remove and prune at once', () => {
  it('lose nothing, and leave nothing that is not named', { timeout: 400_000 }, async () => {
    using place = newPlace();
    const images = [demo, small];
    const outcomes: Ended[] = [];
    const rounds = async (count: number, command: (round: number) => Promise<Ended>): Promise<void> => {
      for (let round = 0; round < count; round++) outcomes.push(await command(round));
    };
    await Promise.all([
      rounds(12, (round) => runCommand(place, { action: 'pull', image: images[round % 2] })),
      rounds(12, () => runCommand(place, { action: 'pull', image: demo })),
      rounds(10, (round) => runCommand(place, { action: 'remove', image: images[(round + 1) % 2] })),
      rounds(10, () => runCli(place, ['prune', '--partial', '--json'])),
      rounds(5, () => runCli(place, ['prune', '--all', '--json'])),
    ]);
    for (const { status, report, stderr } of outcomes) {
      if (status !== 0) expect(report ?? stderr).toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    }
    await expectRecovery(place);
    {
      await using engine = await place.open();
      for (const { name } of await engine.images.list()) {
        expect(await wrongPaths(engine, name, name.includes('demo') ? 'demo' : 'small')).toEqual([]);
      }
      expect(await engine.system.prune({ all: true, partial: true })).toMatchObject({ failures: [] });
    }
    expect(await everythingKept(place)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
    await expectPullAndRun(place, demo, 'demo');
  });
});
