import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import type { CommandRequest } from '../src/request.ts';
import { runCommand, startCommand } from './child.ts';
import { expectPullAndRun, expectRecovery } from './crash.ts';
import { leftInPlace, makePlace, type Place } from './place.ts';
import { done } from './scene.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const registry = await startRegistry({ images: ['broad', 'demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const broad = `${registry.address}/test/broad:latest`;
const demo = `${registry.address}/test/demo:latest`;

const inMemory = placesInMemory();

const kills = 14;
/** Fractions of the time that the work takes: spread over it, and each at random in its part. */
const moments = Array.from({ length: kills }, (_, index) => ({ part: index, moment: (index + Math.random()) / kills }));

async function timeOf(place: Place, request: Omit<CommandRequest, 'options'>): Promise<number> {
  const begin = performance.now();
  expect(await runCommand(place, request)).toMatchObject({ status: 0 });
  return performance.now() - begin;
}

async function killAt(place: Place, request: Omit<CommandRequest, 'options'>, ms: number): Promise<void> {
  const command = startCommand(place, request);
  await sleep(ms);
  command.process.kill('SIGKILL');
  // Killed, or it was quicker; it did not fail.
  const { signal, status, stderr } = await command.ended;
  expect({ how: signal ?? status, stderr }).toEqual({ how: expect.toBeOneOf(['SIGKILL', 0]), stderr: '' });
}

describe('kill -9 at any moment', () => {
  const pull = { action: 'pull', image: broad } as const;
  let pullMs = 0;
  let inMemoryMs = 0;

  it('of a pull: how long one takes', async () => {
    using place = makePlace();
    pullMs = await timeOf(place, pull);
    using other = inMemory();
    inMemoryMs = await timeOf(other, pull);
  });

  // By turns on a disk, where it waits for flushes, and in memory, where it does not.
  it.each(moments)('of a pull, in part $part', async ({ part, moment }) => {
    using place = part % 2 === 0 ? makePlace() : inMemory();
    await killAt(place, pull, moment * (part % 2 === 0 ? pullMs : inMemoryMs));
    await expectRecovery(place);
    await using engine = await place.open();
    expect((await engine.pull(broad)).name).toBe(broad);
    expect(await wrongPaths(engine, broad, 'broad')).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
  });

  const place = makePlace();
  afterAll(() => place[Symbol.dispose]());
  const run = { action: 'run', image: demo, id: path.basename(place.folder), args: ['sh', '-c', 'echo hello'] } as const;
  let runMs = 0;

  it('of a run: how long one takes', async () => {
    await done(place, { action: 'pull', image: demo });
    runMs = await timeOf(place, run);
  });

  it.each(moments)('of a run, in part $part', async ({ moment }) => {
    await killAt(place, run, moment * runMs);
    await expectRecovery(place);
    await expectPullAndRun(place, demo, 'demo');
    expect(leftInPlace(place)).toEqual([]);
  });
});
