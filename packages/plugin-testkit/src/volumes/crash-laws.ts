import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import type { VolumeDriver } from '@slipway/plugin-api';
import { allResults } from '../children/child-process.js';
import { expectKind } from '../expect-kind.js';
import type { Law, LawContext } from '../law.js';
import { namesBelow } from '../names-below.js';
import { inVolume } from './in-volume.js';
import type { VolumeOperation } from './operator.js';

/** Several processes on one root. */
export function processLaws(law: Law<VolumeDriver>): void {
  law('processes that create one name at once get one volume', async ({ instance: driver, start }) => {
    const children = Array.from({ length: 4 }, () => start<VolumeOperation>([['create', 'v']]));
    const made = (await allResults(children)).map(({ outcomes }) => outcomes[0]);
    const { createdAt } = await driver.inspect('v');
    assert.deepEqual(
      made,
      children.map(() => createdAt),
    );
  });

  law('processes that make, use and remove one volume are in nobody’s way', async ({ instance: driver, start }) => {
    const children = Array.from({ length: 3 }, () => start<VolumeOperation>([['storm', 'v', 60]]));
    for (const { outcomes, signal } of await allResults(children)) {
      assert.equal(signal, null);
      assert.equal(outcomes.at(-1), 'done', outcomes.slice(-2).join(', '));
    }
    await driver.cleanup(new Set());
    for (const { name } of await driver.list()) await driver.remove(name);
  });
}

const work: readonly VolumeOperation[] = [
  ['create', 'v'],
  ['mount', 'v', 'one'],
  ['unmount', 'v', 'one'],
  ['create', 'gone'],
  ['mount', 'gone', 'one'],
  ['unmount', 'gone', 'one'],
  ['remove', 'gone'],
  ['mount', 'v', 'two'],
  ['cleanup'],
  ['remove', 'v'],
];

/** What is there after kill -9: whole volumes, and a disk that comes clean. */
export function crashLaws(law: Law<VolumeDriver>, steps: readonly string[]): void {
  for (const step of steps) {
    law(`after ${step}, each time that it comes, leaves whole volumes or none, and a retry works`, async (context) => {
      const before = await prepared(context);
      for (let times = 1; ; times++) {
        const { signal, outcomes } = await context.start(work, { step, signal: 'SIGKILL', times }).result;
        assert.ok(
          signal === 'SIGKILL' || times > 1,
          `the step "${step}" was not reached; the process said ${outcomes.join(', ')}`,
        );
        await recovers(context, before);
        if (signal !== 'SIGKILL') break;
      }
    });
  }

  law('at any moment of several processes leaves whole volumes or none', async (context) => {
    const before = await prepared(context);
    for (let round = 0; round < 4; round++) {
      const children = [0, 1, 2].map(() => context.start<VolumeOperation>([['storm', 'v', 100_000]]));
      await Promise.all(children.map((child) => child.said(3)));
      await setTimeout(Math.random() * 200);
      for (const child of children) child.kill('SIGKILL');
      await allResults(children);
      await recovers(context, before);
    }
  });
}

/** One volume that stays, and what is on disk with it. */
async function prepared({ instance: driver, root }: LawContext<VolumeDriver>): Promise<readonly string[]> {
  await driver.create('kept', { labels: { a: 'b' } });
  inVolume(await driver.mount('kept', 'one'), ({ write }) => write('file', 'kept'));
  await driver.unmount('kept', 'one');
  await driver.cleanup(new Set());
  return namesBelow(root);
}

async function recovers({ open, root }: LawContext<VolumeDriver>, before: readonly string[]): Promise<void> {
  await using reopened = await open();
  const { instance: driver } = reopened;
  for (const { name } of await driver.list()) {
    inVolume(await driver.mount(name, 'look'), ({ read, write }) => {
      if (name === 'kept') assert.equal(read('file'), 'kept');
      else write('file', 'text');
    });
    await driver.unmount(name, 'look');
  }
  await driver.cleanup(new Set());
  for (const { name } of await driver.list()) if (name !== 'kept') await driver.remove(name);
  assert.deepEqual((await driver.inspect('kept')).labels, { a: 'b' });
  await driver.cleanup(new Set());
  assert.deepEqual(namesBelow(root), before);

  await driver.create('v');
  await driver.mount('v', 'two');
  await expectKind(driver.remove('v'), 'failed-precondition');
  await driver.unmount('v', 'two');
  await driver.remove('v');
  await driver.cleanup(new Set());
}
