import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Snapshotter } from '@slipway/plugin-api';
import type { LawRunner } from '../law-runner.js';
import type { ChildOperation } from './child.js';
import { allResults, startChild } from './child-process.js';
import { type LawContext, lawsOn, listed, type OpenSnapshotter } from './subject.js';
import { commitLayer, committedTree, inTree, namesBelow, readTree } from './tree.js';

/** A process is killed right after one of these steps, while it does one of these things. */
const crashes: readonly { readonly step: string; readonly operations: readonly ChildOperation[] }[] = [
  { step: 'snapshot.prepare.directory', operations: [['prepare', 'k', 'base']] },
  { step: 'snapshot.prepare.directory', operations: [['view', 'k', 'base']] },
  { step: 'snapshot.prepare.recorded', operations: [['prepare', 'k', 'base']] },
  {
    step: 'snapshot.commit.synced',
    operations: [
      ['prepare', 'k', 'base'],
      ['write', 'k', 'new', 'new'],
      ['commit', 'next', 'k'],
    ],
  },
  {
    step: 'snapshot.commit.recorded',
    operations: [
      ['prepare', 'k', 'base'],
      ['write', 'k', 'new', 'new'],
      ['commit', 'next', 'k'],
    ],
  },
  {
    step: 'snapshot.remove.recorded',
    operations: [
      ['prepare', 'k', 'base'],
      ['write', 'k', 'new', 'new'],
      ['remove', 'k'],
    ],
  },
  {
    step: 'snapshot.remove.deleted',
    operations: [
      ['prepare', 'k', 'base'],
      ['remove', 'k'],
    ],
  },
];

/** What is there after kill -9: whole or not at all, and nothing on disk that nobody knows. */
export function crashLaws(runner: LawRunner, open: OpenSnapshotter, module: string): void {
  const law = lawsOn(runner, open);

  runner.describe('kill -9', () => {
    for (const { step, operations } of crashes) {
      law(`after ${step} of ${operations.at(-1)?.[0]} leaves whole snapshots, and a retry works`, async (context) => {
        await commitLayer(context.snapshotter, 'base', undefined, (path) => writeFileSync(`${path}/base`, 'base'));
        const before = namesBelow(context.folder);
        const child = startChild({ module, root: context.root, operations }, { step, signal: 'SIGKILL' });
        assert.equal((await child.result).signal, 'SIGKILL', `the step "${step}" was not reached`);
        await recovers(context, before);
      });
    }

    law('at any moment of several processes leaves whole snapshots', async (context) => {
      await commitLayer(context.snapshotter, 'base', undefined, (path) => writeFileSync(`${path}/base`, 'base'));
      const before = namesBelow(context.folder);
      for (let round = 0; round < 4; round++) {
        const children = [0, 1, 2].map((seed) => startChild({ module, root: context.root, operations: storm(seed + round) }));
        await setTimeout(400 + Math.random() * 400);
        for (const child of children) child.process.kill('SIGKILL');
        await allResults(children);
        await using reopened = await context.open();
        await allWhole(reopened.snapshotter);
        await reopened.snapshotter.cleanup();
        await allWhole(reopened.snapshotter);
      }
      await recovers(context, before);
    });
  });
}

/** Many operations on few keys, so that processes meet; most are refused. */
function storm(seed: number): ChildOperation[] {
  return Array.from({ length: 500 }, (_, i): ChildOperation[] => {
    const [key, name] = [`k${(i * 7 + seed) % 4}`, `n${(i * 5 + seed) % 4}`];
    return [['prepare', key, 'base'], ['commit', name, key], ['remove', `n${(i * 3 + seed) % 4}`], ['remove', key], ['cleanup']];
  }).flat();
}

async function recovers(context: LawContext, before: readonly string[]): Promise<void> {
  await using reopened = await context.open();
  const { snapshotter } = reopened;
  await allWhole(snapshotter);
  await snapshotter.cleanup();
  await allWhole(snapshotter);
  for (const { name } of (await listed(snapshotter)).reverse()) {
    if (name !== 'base') await snapshotter.remove(name);
  }
  await snapshotter.cleanup();
  await snapshotter.cleanup();
  assert.deepEqual(namesBelow(reopened.folder), before);

  await snapshotter.prepare('k', 'base');
  inTree(await snapshotter.mounts('k'), (path) => writeFileSync(`${path}/new`, 'new'));
  await snapshotter.commit('next', 'k');
  assert.deepEqual(await committedTree(snapshotter, 'next'), {
    '.': '40755 0:0',
    base: '100644 0:0 base',
    new: '100644 0:0 new',
  });
}

async function allWhole(snapshotter: Snapshotter): Promise<void> {
  for (const { name, kind } of await listed(snapshotter)) {
    const tree = kind === 'committed' ? await committedTree(snapshotter, name) : inTree(await snapshotter.mounts(name), readTree);
    assert.equal(tree['base'], '100644 0:0 base', `${kind} "${name}"`);
    if (name === 'next') assert.equal(tree['new'], '100644 0:0 new');
  }
}
