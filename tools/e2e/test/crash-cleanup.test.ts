import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { diffTrees, listTree } from '@slipway/fs-tree';
import { afterAll, describe, expect, it } from 'vitest';
import type { StepKill } from '../src/request.ts';
import { type Ended, runCommand, traceSteps } from './child.ts';
import { expectPullAndRun, expectRecovery } from './crash.ts';
import { killedSteps } from './killed-steps.ts';
import { leftInPlace, namesIn, type Place } from './place.ts';
import { done } from './scene.ts';
import { placesInMemory } from './tmpfs.ts';
import { expectedTree } from './trees.ts';

const newPlace = placesInMemory();

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;

const place = newPlace();
afterAll(() => place[Symbol.dispose]());

/** A container whose command and monitor are dead: all that a command can leave to the next one. */
async function abandonContainer(): Promise<void> {
  const kill: StepKill = { step: 'run.started', nth: 1, whom: ['monitor', 'command'] };
  await runCommand(place, { action: 'run', image, id: path.basename(place.folder), args: ['sleep', '100000'] }, { kill });
}

await done(place, { action: 'pull', image });
await abandonContainer();
const stepsOfRecovery = await traceSteps(place, { action: 'list' });
const stepsOfRemoval = await traceSteps(place, { action: 'remove', image });
await done(place, { action: 'pull', image });
const stepsOfMount = await tracedMount();

/** That of a mount which is undone again. */
async function tracedMount(): Promise<string[]> {
  const directory = path.join(place.folder, 'mount');
  mkdirSync(directory);
  const steps = await traceSteps(place, { action: 'mount', image, directory });
  await using engine = await place.open();
  await engine.images.unmount(directory);
  return [...steps.keys()];
}

function remove(step: string, nth: number): Promise<Ended> {
  return runCommand(place, { action: 'remove', image }, { kill: { step, nth, whom: ['command'] } });
}

describe('kill -9 of the clean-up after a kill -9', () => {
  it('meets the steps of the clean-up', () => {
    expect([...stepsOfRecovery.keys()]).toEqual(expect.arrayContaining([...killedSteps.recovery]));
  });

  it.each([...stepsOfRecovery.keys()])('at %s', async (step) => {
    await done(place, { action: 'pull', image });
    await abandonContainer();
    expect(await runCommand(place, { action: 'list' }, { kill: { step, nth: 1, whom: ['command'] } })).toMatchObject({
      signal: 'SIGKILL',
    });
    await expectRecovery(place);
    await expectPullAndRun(place, image, 'demo');
  });
});

describe('kill -9 of the removal of an image', () => {
  it('meets the steps of the removal', () => {
    expect([...stepsOfRemoval.keys()]).toEqual(expect.arrayContaining([...killedSteps.removal]));
  });

  it.each([...stepsOfRemoval])('at %s (one of %i)', async (step, count) => {
    for (const nth of new Set([1, count])) {
      await done(place, { action: 'pull', image });
      expect(await remove(step, nth)).toMatchObject({ signal: 'SIGKILL' });
      await expectRecovery(place);
    }
    await expectPullAndRun(place, image, 'demo');
    await expectNothingAfterRemoval(place);
  });

  it('folder-without-key: a kill between the key and the folder of a snapshot leaves no folder behind', async () => {
    await done(place, { action: 'pull', image });
    const folders = path.join(place.root, 'snapshotter.v1/overlay/snapshots');
    const before = namesIn(folders).length;
    expect(await remove('snapshot.remove.recorded', 1)).toMatchObject({ signal: 'SIGKILL' });
    expect(namesIn(folders)).toHaveLength(before);
    await done(place, { action: 'list' });
    expect(namesIn(folders)).toHaveLength(before - 1);
  });
});

describe('kill -9 of a mount for people', () => {
  const directory = path.join(place.folder, 'mount');
  const mount = { action: 'mount', image, directory } as const;

  it('meets the steps of a mount', () => {
    expect(stepsOfMount).toEqual(expect.arrayContaining([...killedSteps.mount]));
  });

  it.each(stepsOfMount)('at %s leaves the whole mount or none', async (step) => {
    await done(place, { action: 'pull', image });
    expect(await runCommand(place, mount, { kill: { step, nth: 1, whom: ['command'] } })).toMatchObject({ signal: 'SIGKILL' });
    await using engine = await place.open();
    await engine.images.list();
    if (leftInPlace(place).length > 0) {
      expect(diffTrees(listTree(directory), expectedTree('demo'))).toEqual([]);
      await engine.images.unmount(directory);
    }
    expect(leftInPlace(place)).toEqual([]);
    await engine.images.mount(image, directory);
    await engine.images.unmount(directory);
    await expectRecovery(place);
  });
});

/** A removal that nobody interrupts takes everything, what an interrupted one left too. */
async function expectNothingAfterRemoval(where: Place): Promise<void> {
  await done(where, { action: 'remove', image });
  expect(namesIn(path.join(where.root, 'content.v1/local/blobs/sha256'))).toEqual([]);
  expect(namesIn(path.join(where.root, 'snapshotter.v1/overlay/snapshots'))).toEqual([]);
  expect(leftInPlace(where)).toEqual([]);
}
