import assert from 'node:assert/strict';
import { mkdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import type { Snapshotter } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import { inTrees } from '../trees/mounted-trees.js';
import { listTree, type TreeListing } from '../trees/tree-listing.js';
import type { SnapshotLaw } from './subject.js';
import { commitLayer, inTree } from './tree.js';

/** What a snapshot is made of (`trees`) is what its mounts show. */
export function partsLaws(law: SnapshotLaw): void {
  law('the trees of an active snapshot are what its mounts show', async ({ snapshotter }) => {
    await layers(snapshotter);
    for (const parent of [undefined, 'A', 'B', 'C']) {
      const key = `on ${parent}`;
      const mounts = await snapshotter.prepare(key, parent);
      assert.deepEqual(await partsOf(snapshotter, key), inTree(mounts, listTree), `${key}, unchanged`);
      inTree(mounts, (path) => {
        writeFileSync(`${path}/more`, 'more');
        rmSync(`${path}/dir`, { recursive: true, force: true });
      });
      assert.deepEqual(await partsOf(snapshotter, key), inTree(mounts, listTree), `${key}, changed`);
    }
  });

  law('the trees of a view are what its mounts show', async ({ snapshotter }) => {
    await layers(snapshotter);
    for (const parent of [undefined, 'A', 'B', 'C']) {
      const mounts = await snapshotter.view(`of ${parent}`, parent);
      assert.deepEqual(await partsOf(snapshotter, `of ${parent}`), inTree(mounts, listTree), `of ${parent}`);
    }
  });

  law('the trees of a committed snapshot are what a view of it shows', async ({ snapshotter }) => {
    await layers(snapshotter);
    for (const name of ['A', 'B', 'C']) {
      const mounts = await snapshotter.view(`of ${name}`, name);
      assert.deepEqual(await partsOf(snapshotter, name), inTree(mounts, listTree), name);
    }
  });

  law(
    'trees are of the format that layers are applied in, and those below are the lower ones of a target',
    async ({ snapshotter }) => {
      await layers(snapshotter);
      await snapshotter.prepare('k', 'C');
      const { format, lower } = await snapshotter.layerTarget('k');
      const trees = await snapshotter.trees('C');
      assert.deepEqual(new Set(trees.map((tree) => tree.format)), new Set([format]));
      if (format !== 'directory') assert.deepEqual(lower, trees);
      await expectKind(snapshotter.trees('missing'), 'not-found');
    },
  );
}

/** Three layers, of which each adds, changes and hides. */
async function layers(snapshotter: Snapshotter): Promise<void> {
  await commitLayer(snapshotter, 'A', undefined, (path) => {
    for (const name of ['one', 'two', 'three']) writeFileSync(`${path}/${name}`, 'A');
    mkdirSync(`${path}/dir/sub`, { recursive: true });
    writeFileSync(`${path}/dir/sub/file`, 'A');
  });
  await commitLayer(snapshotter, 'B', 'A', (path) => {
    writeFileSync(`${path}/two`, 'B');
    unlinkSync(`${path}/three`);
    rmSync(`${path}/dir`, { recursive: true });
    mkdirSync(`${path}/dir`);
    writeFileSync(`${path}/dir/new`, 'B');
  });
  await commitLayer(snapshotter, 'C', 'B', (path) => {
    writeFileSync(`${path}/three`, 'C');
    unlinkSync(`${path}/one`);
  });
}

async function partsOf(snapshotter: Snapshotter, key: string): Promise<TreeListing> {
  return inTrees(await snapshotter.trees(key), listTree);
}
