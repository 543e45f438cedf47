import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { allResults } from '../children/child-process.js';
import { listed, type SnapshotLaw, type SnapshotterLawOptions } from './subject.js';
import { commitLayer, committedTree, inTree, namesBelow, readTree } from './tree.js';

/** Several callers and instances on one root. */
export function sharingLaws(law: SnapshotLaw): void {
  law('of many that prepare one key in one process exactly one succeeds', async ({ snapshotter, folder }) => {
    await commitLayer(snapshotter, 'base', undefined, fill);
    const before = namesBelow(folder);
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => snapshotter.prepare('k', 'base')));
    assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
    await snapshotter.remove('k');
    await snapshotter.cleanup();
    assert.deepEqual(namesBelow(folder), before);
  });

  law('another instance on the same root sees every change at once', async ({ snapshotter, open: again }) => {
    await using other = await again();
    await snapshotter.prepare('k');
    assert.equal((await other.instance.stat('k')).kind, 'active');
    await other.instance.commit('A', 'k');
    assert.equal((await snapshotter.stat('A')).kind, 'committed');
  });
}

/** Several processes on one root. */
export function processLaws(law: SnapshotLaw, { preparing }: SnapshotterLawOptions): void {
  law('of several processes that do the same exactly one succeeds, in every step', async ({ start, snapshotter, folder }) => {
    await commitLayer(snapshotter, 'base', undefined, fill);
    const before = namesBelow(folder);
    const operations = [
      ['prepare', 'k', 'base'],
      ['commit', 'next', 'k'],
      ['remove', 'next'],
    ] as const;
    for (const [round, operation] of operations.entries()) {
      const children = [1, 2, 3, 4].map(() => start([operation]));
      const outcomes = (await allResults(children)).flatMap((result) => result.outcomes);
      assert.equal(outcomes.filter((outcome) => outcome === 'done').length, 1, `round ${round}: ${outcomes.join(', ')}`);
      if (round === 1) assert.equal(Object.keys(await committedTree(snapshotter, 'next')).length, 201);
    }
    await snapshotter.cleanup();
    assert.deepEqual(namesBelow(folder), before);
  });

  if (preparing === undefined) return;

  law('cleanup leaves alone what a living process is making', async ({ start, snapshotter, folder }) => {
    await commitLayer(snapshotter, 'base', undefined, fill);
    const child = start([['prepare', 'k', 'base']], { step: preparing, signal: 'SIGSTOP' });
    try {
      await child.stopped();
      assert.deepEqual(
        (await listed(snapshotter)).map(({ name }) => name),
        ['base'],
      );
      const made = namesBelow(folder);
      await snapshotter.cleanup();
      assert.deepEqual(namesBelow(folder), made);
    } finally {
      child.kill('SIGCONT');
      await Promise.allSettled([child.result]);
    }
    assert.deepEqual((await child.result).outcomes, ['done']);
    assert.equal(Object.keys(inTree(await snapshotter.mounts('k'), readTree)).length, 201);
  });

  law('a parent that goes while a child is made: no child, not-found', async ({ start, snapshotter, folder }) => {
    await commitLayer(snapshotter, 'base', undefined, fill);
    const child = start([['prepare', 'k', 'base']], { step: preparing, signal: 'SIGSTOP' });
    try {
      await child.stopped();
      await snapshotter.remove('base');
    } finally {
      child.kill('SIGCONT');
      await Promise.allSettled([child.result]);
    }
    assert.deepEqual((await child.result).outcomes, ['not-found']);
    assert.deepEqual(await listed(snapshotter), []);
    await snapshotter.cleanup();
    assert.deepEqual(
      namesBelow(folder).filter((name) => name.includes('file')),
      [],
    );
  });
}

function fill(path: string): void {
  for (let i = 0; i < 200; i++) writeFileSync(`${path}/file${i}`, String(i));
}
