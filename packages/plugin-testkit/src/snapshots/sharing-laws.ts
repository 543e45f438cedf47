import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { LawRunner } from '../law-runner.js';
import { allResults, startChild, stopped } from './child-process.js';
import { lawsOn, listed, type OpenSnapshotter } from './subject.js';
import { commitLayer, committedTree, inTree, namesBelow, readTree } from './tree.js';

/** Several processes on one root. */
export function sharingLaws(runner: LawRunner, open: OpenSnapshotter, module: string): void {
  const law = lawsOn(runner, open);
  const fill = (path: string): void => {
    for (let i = 0; i < 200; i++) writeFileSync(`${path}/file${i}`, String(i));
  };

  runner.describe('several at once', () => {
    law('of many that prepare one key in one process exactly one succeeds', async ({ snapshotter, folder }) => {
      await commitLayer(snapshotter, 'base', undefined, fill);
      const before = namesBelow(folder);
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => snapshotter.prepare('k', 'base')));
      assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
      await snapshotter.remove('k');
      await snapshotter.cleanup();
      assert.deepEqual(namesBelow(folder), before);
    });

    law('of several processes that do the same exactly one succeeds, in every step', async ({ root, snapshotter, folder }) => {
      await commitLayer(snapshotter, 'base', undefined, fill);
      const before = namesBelow(folder);
      const operations = [
        ['prepare', 'k', 'base'],
        ['commit', 'next', 'k'],
        ['remove', 'next'],
      ] as const;
      for (const [round, operation] of operations.entries()) {
        const children = [1, 2, 3, 4].map(() => startChild({ module, root, operations: [operation] }));
        const outcomes = (await allResults(children)).flatMap((result) => result.outcomes);
        assert.equal(outcomes.filter((outcome) => outcome === 'done').length, 1, `round ${round}: ${outcomes.join(', ')}`);
        if (round === 1) assert.equal(Object.keys(await committedTree(snapshotter, 'next')).length, 201);
      }
      await snapshotter.cleanup();
      assert.deepEqual(namesBelow(folder), before);
    });

    law('cleanup leaves alone what a living process is making', async ({ root, snapshotter, folder }) => {
      await commitLayer(snapshotter, 'base', undefined, fill);
      const child = startChild(
        { module, root, operations: [['prepare', 'k', 'base']] },
        { step: 'snapshot.prepare.directory', signal: 'SIGSTOP' },
      );
      try {
        assert.ok(await stopped(child));
        assert.deepEqual(
          (await listed(snapshotter)).map(({ name }) => name),
          ['base'],
        );
        const made = namesBelow(folder);
        await snapshotter.cleanup();
        assert.deepEqual(namesBelow(folder), made);
      } finally {
        child.process.kill('SIGCONT');
        await Promise.allSettled([child.result]);
      }
      assert.deepEqual((await child.result).outcomes, ['done']);
      assert.equal(Object.keys(inTree(await snapshotter.mounts('k'), readTree)).length, 201);
    });

    law('a parent that goes while a child is made: no child, not-found', async ({ root, snapshotter, folder }) => {
      await commitLayer(snapshotter, 'base', undefined, fill);
      const child = startChild(
        { module, root, operations: [['prepare', 'k', 'base']] },
        { step: 'snapshot.prepare.directory', signal: 'SIGSTOP' },
      );
      try {
        assert.ok(await stopped(child));
        await snapshotter.remove('base');
      } finally {
        child.process.kill('SIGCONT');
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

    law('another instance on the same root sees every change at once', async ({ snapshotter, open: again }) => {
      await using other = await again();
      await snapshotter.prepare('k');
      assert.equal((await other.snapshotter.stat('k')).kind, 'active');
      await other.snapshotter.commit('A', 'k');
      assert.equal((await snapshotter.stat('A')).kind, 'committed');
    });
  });
}
