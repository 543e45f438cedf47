import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { linux } from '@slipway/linux';
import type { LayersMount, Mount, Snapshotter } from '@slipway/plugin-api';
import { becomes } from '../becomes.js';
import { expectKind } from '../expect-kind.js';
import type { SnapshotLaw } from './subject.js';
import { commitLayer, committedTree, inTree } from './tree.js';

/** Of mounts of the kind `layers`, and targets that are images; others have nothing to keep here. */
export function layersLaws(law: SnapshotLaw): void {
  law(
    'layers: what grows on one parent has the same images below it, at once, and nobody writes to these',
    async ({ snapshotter }) => {
      await commitLayer(snapshotter, 'A', undefined, (path) => writeFileSync(`${path}/a`, 'a'));
      await commitLayer(snapshotter, 'B', 'A', (path) => writeFileSync(`${path}/b`, 'b'));
      const [one, other] = [layersOf(await snapshotter.prepare('one', 'B')), layersOf(await snapshotter.prepare('other', 'B'))];
      if (one === undefined || other === undefined) return;
      const view = layersOf(await snapshotter.view('view', 'B'));
      assert.deepEqual(other.lower, one.lower);
      assert.deepEqual(view, { kind: 'layers', lower: one.lower });
      assert.notDeepEqual(other.upper, one.upper);
      const files = one.lower.flatMap(({ source, devices = [] }) => [source, ...devices]);
      const before = files.map(hashOf);
      inTree([one], (path) =>
        inTree([other], (beside) => {
          for (const name of ['a', 'b']) unlinkSync(`${path}/${name}`);
          writeFileSync(`${path}/c`, 'c');
          assert.deepEqual(
            ['a', 'b', 'c'].map((name) => existsSync(`${beside}/${name}`)),
            [true, true, false],
          );
          writeFileSync(`${beside}/a`, 'changed');
          assert.ok(!existsSync(`${path}/a`));
        }),
      );
      assert.deepEqual(files.map(hashOf), before);
      // As a machine has them that is given its disks one by one.
      const names = one.lower.map((image) =>
        inTree([image], (path) => ['a', 'b'].filter((name) => existsSync(`${path}/${name}`))),
      );
      assert.deepEqual(
        names.findIndex((found) => found.includes('b')),
        0,
        'the topmost image is not the first',
      );
    },
  );

  law('layers: who has the lock of what is written to is alone with it', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'A', undefined, (path) => writeFileSync(`${path}/a`, 'a'));
    const mounts = await snapshotter.prepare('k', 'A');
    const upper = layersOf(mounts)?.upper;
    if (upper?.kind !== 'block') return;
    assert.equal(upper.readOnly, false);
    inTree(mounts, (path) => writeFileSync(`${path}/b`, 'b'));
    // As a virtual machine does.
    const file = openSync(upper.source, 'r+');
    try {
      await becomes(() => linux.tryFlock(file, 'exclusive'), 'who had mounted it keeps its lock');
      await expectKind(mountAgain(snapshotter), 'failed-precondition');
      await expectKind(snapshotter.commit('B', 'k'), 'failed-precondition');
    } finally {
      closeSync(file);
    }
    await mountAgain(snapshotter);
    await snapshotter.commit('B', 'k');
    assert.deepEqual(Object.keys(await committedTree(snapshotter, 'B')), ['.', 'a', 'b']);
  });

  law(
    'layers: an image that is applied to its target is what is seen, and the archive beside it goes with it',
    async ({ snapshotter }) => {
      await commitLayer(snapshotter, 'A', undefined, (path) => writeFileSync(`${path}/low`, 'low'));
      await commitLayer(snapshotter, 'high', undefined, (path) => writeFileSync(`${path}/high`, 'high'));
      await snapshotter.prepare('k', 'A');
      const target = await snapshotter.layerTarget('k');
      if (target.format !== 'erofs') return;
      assert.ok(!existsSync(target.path) && statSync(dirname(target.path)).isDirectory());
      assert.deepEqual(target.lower, await snapshotter.trees('A'));
      const [image] = await snapshotter.trees('high');
      assert.ok(image !== undefined);
      copyFileSync(image.path, target.path);
      await snapshotter.commit('B', 'k');
      const seen = { '.': '40755 0:0', high: '100644 0:0 high', low: '100644 0:0 low' };
      assert.deepEqual(await committedTree(snapshotter, 'B'), seen);

      await snapshotter.prepare('l', 'A');
      const { path } = await snapshotter.layerTarget('l');
      assert.match(path, /\.erofs$/, 'the archive of an image x.erofs is x.tar');
      copyFileSync(image.path, path);
      writeFileSync(path.replace(/\.erofs$/, '.tar'), 'the archive');
      await snapshotter.commit('C', 'l');
      const [committed] = await snapshotter.trees('C');
      assert.deepEqual(
        committed?.devices?.map((device) => readFileSync(device, 'utf8')),
        ['the archive'],
      );
      assert.ok((await snapshotter.view('v', 'C')).some((mount) => layersOf([mount])?.lower[0]?.devices?.length === 1));
    },
  );
}

function layersOf([mount]: readonly Mount[]): LayersMount | undefined {
  return mount?.kind === 'layers' ? mount : undefined;
}

async function mountAgain(snapshotter: Snapshotter): Promise<void> {
  inTree(await snapshotter.mounts('k'), () => undefined);
}

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
