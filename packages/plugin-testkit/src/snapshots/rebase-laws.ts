import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { linux } from '@slipway/linux';
import { isKind, type Snapshotter } from '@slipway/plugin-api';
import { expectKind } from '../expect-kind.js';
import { listed, type SnapshotLaw } from './subject.js';
import { commitLayer, committedTree, inChanges, inTree } from './tree.js';

/** Capability `rebase`: a snapshot that was prepared without a parent is committed onto one. */
export function rebaseLaws(law: SnapshotLaw, rebases: boolean): void {
  if (!rebases) {
    law('without the capability a commit with a parent is unimplemented, and the snapshot stays', async ({ snapshotter }) => {
      await base(snapshotter);
      await snapshotter.prepare('k');
      await expectKind(snapshotter.commit('B', 'k', { parent: 'A' }), 'unimplemented');
      assert.equal((await snapshotter.stat('k')).kind, 'active');
      await expectKind(snapshotter.stat('B'), 'not-found');
      await snapshotter.commit('B', 'k');
    });
    return;
  }

  law('its tree is then the parent’s with its own on top', async ({ snapshotter }) => {
    await base(snapshotter);
    await side(snapshotter, 'k', 'own');
    await snapshotter.commit('B', 'k', { parent: 'A', labels: { l: 'x' } });
    const { kind, parent, labels } = await snapshotter.stat('B');
    assert.deepEqual({ kind, parent, labels }, { kind: 'committed', parent: 'A', labels: { l: 'x' } });
    await expectKind(snapshotter.stat('k'), 'not-found');
    assert.deepEqual(await files(snapshotter, 'B'), { low: 'low', same: 'own', own: 'own' });
    assert.deepEqual(await files(snapshotter, 'A'), { low: 'low', same: 'A' });
  });

  law('what hides something of the parent hides it', async ({ snapshotter }) => {
    await base(snapshotter);
    await side(snapshotter, 'k', 'own');
    inChanges(await snapshotter.mounts('k'), (path) => linux.mknod(`${path}/low`, 0o20000, 0, 0));
    await snapshotter.commit('B', 'k', { parent: 'A' });
    assert.deepEqual(await files(snapshotter, 'B'), { same: 'own', own: 'own' });
  });

  law('layers that were made side by side are put on each other', async ({ snapshotter }) => {
    await base(snapshotter);
    const names = ['B', 'C', 'D', 'E'];
    await Promise.all(names.map((name) => side(snapshotter, `make ${name}`, name)));
    let parent = 'A';
    for (const name of names) {
      await snapshotter.commit(name, `make ${name}`, { parent });
      parent = name;
    }
    assert.deepEqual(await files(snapshotter, 'E'), { low: 'low', same: 'E', B: 'B', C: 'C', D: 'D', E: 'E' });
    await commitLayer(snapshotter, 'F', 'E', (path) => writeFileSync(`${path}/F`, 'F'));
    assert.equal((await files(snapshotter, 'F'))['B'], 'B');
  });

  law('the parent has a child then, which keeps it', async ({ snapshotter }) => {
    await base(snapshotter);
    await side(snapshotter, 'k', 'own');
    await snapshotter.commit('B', 'k', { parent: 'A' });
    await expectKind(snapshotter.remove('A'), 'failed-precondition');
    await snapshotter.remove('B');
    await snapshotter.remove('A');
    assert.deepEqual(await listed(snapshotter), []);
  });

  law('a parent must be there and committed, and the snapshot without one', async ({ snapshotter }) => {
    await base(snapshotter);
    await snapshotter.prepare('active');
    await snapshotter.view('view', 'A');
    await snapshotter.prepare('grown', 'A');
    await side(snapshotter, 'k', 'own');
    await expectKind(snapshotter.commit('B', 'k', { parent: 'missing' }), 'not-found');
    for (const parent of ['active', 'view', 'k']) await expectKind(snapshotter.commit('B', 'k', { parent }), 'invalid-argument');
    await expectKind(snapshotter.commit('B', 'grown', { parent: 'A' }), 'failed-precondition');
    await expectKind(snapshotter.commit('B', 'view', { parent: 'A' }), 'failed-precondition');
    await expectKind(snapshotter.commit('B', 'missing', { parent: 'A' }), 'not-found');
    await expectKind(snapshotter.commit('A', 'k', { parent: 'A' }), 'already-exists');
    await expectKind(snapshotter.stat('B'), 'not-found');
    await snapshotter.commit('B', 'k', { parent: 'A' });
    assert.equal((await files(snapshotter, 'B'))['own'], 'own');
  });

  law('a parent that goes at the same moment: either it stays, or there is no child', async ({ snapshotter, open }) => {
    const { instance: other } = await open();
    for (let round = 0; round < 10; round++) {
      await base(snapshotter);
      await side(snapshotter, 'k', 'own');
      const [committed, removed] = await Promise.allSettled([snapshotter.commit('B', 'k', { parent: 'A' }), other.remove('A')]);
      if (removed.status === 'fulfilled') {
        assert.ok(committed.status === 'rejected' && isKind(committed.reason, 'not-found', 'aborted'));
        await snapshotter.remove('k');
      } else {
        assert.ok(isKind(removed.reason, 'failed-precondition') && committed.status === 'fulfilled');
        for (const name of ['B', 'A']) await snapshotter.remove(name);
      }
    }
  });
}

async function base(snapshotter: Snapshotter): Promise<void> {
  await commitLayer(snapshotter, 'A', undefined, (path) => {
    writeFileSync(`${path}/low`, 'low');
    writeFileSync(`${path}/same`, 'A');
  });
}

/** An active snapshot without a parent, with a file of its own and one that others have, too. */
async function side(snapshotter: Snapshotter, key: string, name: string): Promise<void> {
  inTree(await snapshotter.prepare(key), (path) => {
    writeFileSync(`${path}/${name}`, name);
    writeFileSync(`${path}/same`, name);
  });
}

/** Content of the files of a committed snapshot. */
async function files(snapshotter: Snapshotter, name: string): Promise<Record<string, string>> {
  const { '.': _, ...tree } = await committedTree(snapshotter, name);
  return Object.fromEntries(Object.entries(tree).map(([file, line]) => [file, line.replace('100644 0:0 ', '')]));
}
