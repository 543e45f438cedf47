import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Snapshotter } from '@slipway/plugin-api';
import { allResults } from '../children/child-process.js';
import type { SnapshotOperation } from './operator.js';
import { listed, type SnapshotLaw, type SnapshotterLawContext, type SnapshotterLawOptions } from './subject.js';
import { commitLayer, committedTree, inTree, namesBelow, readTree } from './tree.js';

/** All that changes a snapshotter. */
const work = (rebases: boolean): readonly SnapshotOperation[] => [
  ['prepare', 'k', 'base'],
  ['write', 'k', 'new', 'new'],
  ['commit', 'next', 'k'],
  ['view', 'v', 'base'],
  ['prepare', 'gone', 'base'],
  ['write', 'gone', 'new', 'new'],
  ['remove', 'gone'],
  ['remove', 'v'],
  ...(rebases
    ? ([
        ['prepare', 'side'],
        ['write', 'side', 'new', 'new'],
        ['commit', 'rebased', 'side', { parent: 'base' }],
      ] as const)
    : []),
  ['cleanup'],
];

/** What is there after kill -9: whole or not at all, and nothing on disk that nobody knows. */
export function crashLaws(law: SnapshotLaw, { steps = [], preparing }: SnapshotterLawOptions, rebases: boolean): void {
  for (const step of steps) {
    law(`after ${step}, each time that it comes, leaves whole snapshots, and a retry works`, async (context) => {
      await commitLayer(context.snapshotter, 'base', undefined, (path) => writeFileSync(`${path}/base`, 'base'));
      const before = namesBelow(context.folder);
      for (let times = 1; ; times++) {
        // Leaves something for cleanup to do.
        if (preparing !== undefined)
          await context.start<SnapshotOperation>([['prepare', 'left', 'base']], { step: preparing, signal: 'SIGKILL' }).result;
        const { signal, outcomes } = await context.start(work(rebases), { step, signal: 'SIGKILL', times }).result;
        assert.ok(
          signal === 'SIGKILL' || times > 1,
          `the step "${step}" was not reached; the process said ${outcomes.join(', ')}`,
        );
        await recovers(context, before);
        if (signal !== 'SIGKILL') break;
      }
    });
  }

  law('at any moment of several processes leaves whole snapshots', async (context) => {
    await commitLayer(context.snapshotter, 'base', undefined, (path) => writeFileSync(`${path}/base`, 'base'));
    const before = namesBelow(context.folder);
    for (let round = 0; round < 4; round++) {
      const children = [0, 1, 2].map((seed) => context.start(storm(seed + round)));
      await setTimeout(400 + Math.random() * 400);
      for (const child of children) child.kill('SIGKILL');
      await allResults(children);
      await using reopened = await context.open();
      await allWhole(reopened.instance);
      await reopened.instance.cleanup();
      await allWhole(reopened.instance);
    }
    await recovers(context, before);
  });
}

/** Many operations on few keys, so that processes meet; most are refused. */
function storm(seed: number): SnapshotOperation[] {
  return Array.from({ length: 500 }, (_, i): SnapshotOperation[] => {
    const [key, name] = [`k${(i * 7 + seed) % 4}`, `n${(i * 5 + seed) % 4}`];
    return [['prepare', key, 'base'], ['commit', name, key], ['remove', `n${(i * 3 + seed) % 4}`], ['remove', key], ['cleanup']];
  }).flat();
}

async function recovers(context: SnapshotterLawContext, before: readonly string[]): Promise<void> {
  await using reopened = await context.open();
  const { instance: snapshotter } = reopened;
  await allWhole(snapshotter);
  await snapshotter.cleanup();
  await allWhole(snapshotter);
  for (const { name } of (await listed(snapshotter)).reverse()) {
    if (name !== 'base') await snapshotter.remove(name);
  }
  await snapshotter.cleanup();
  await snapshotter.cleanup();
  assert.deepEqual(namesBelow(context.folder), before);

  await snapshotter.prepare('k', 'base');
  inTree(await snapshotter.mounts('k'), (path) => writeFileSync(`${path}/new`, 'new'));
  await snapshotter.commit('next', 'k');
  assert.deepEqual(await committedTree(snapshotter, 'next'), {
    '.': '40755 0:0',
    base: '100644 0:0 base',
    new: '100644 0:0 new',
  });
  await snapshotter.remove('next');
}

async function allWhole(snapshotter: Snapshotter): Promise<void> {
  for (const { name, kind, parent } of await listed(snapshotter)) {
    const tree = kind === 'committed' ? await committedTree(snapshotter, name) : inTree(await snapshotter.mounts(name), readTree);
    if (name === 'base' || parent !== undefined) assert.equal(tree['base'], '100644 0:0 base', `${kind} "${name}"`);
    if (name === 'next' || name === 'rebased') assert.equal(tree['new'], '100644 0:0 new');
  }
}
