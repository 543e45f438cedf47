import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import type { StepKill } from '../src/request.ts';
import { type Ended, runCommand, traceSteps } from './child.ts';
import { expectPullAndRun, expectRecovery } from './crash.ts';
import { killedSteps } from './killed-steps.ts';
import { leftInPlace } from './place.ts';
import { done, pulledPlaces } from './scene.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const newPlace = placesInMemory();

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;

const pulledPlace = pulledPlaces([image], newPlace);

// One place for all, with the image: each test leaves it as it was, which is what is tested.
const config = '[stacks.copy]\nsnapshotter = "native"';
const place = newPlace(config);
afterAll(() => place[Symbol.dispose]());
const id = path.basename(place.folder);
const short = { action: 'run', image, id, args: ['sh', '-c', 'echo hello'] } as const;
const long = { ...short, args: ['sleep', '100000'] } as const;
await done(place, { action: 'pull', image });
const steps = [...(await traceSteps(place, short)).keys()];
const sinceMonitor = steps.slice(steps.indexOf('runtime.monitor.started'));

const copy = { ...short, stack: 'copy' };
const copySteps = await traceSteps(place, copy);
/** Of a run whose image was pulled for another stack. */
const unpackSteps = [...copySteps]
  .filter(([step]) => !steps.includes(step))
  .flatMap(([step, count]) => [...new Set([1, count])].map((nth) => ({ step, nth })));

async function runAndKill(request: typeof short | typeof long, step: string, ...whom: StepKill['whom']): Promise<Ended> {
  return runCommand(place, request, { kill: { step, nth: 1, whom } });
}

async function expectAllWell(): Promise<void> {
  await expectRecovery(place);
  await expectPullAndRun(place, image, 'demo');
  expect(leftInPlace(place)).toEqual([]);
}

describe('kill -9 of the command that runs a container', () => {
  it('meets the steps of the monitor and of the clean-up', () => {
    expect(steps).toEqual(expect.arrayContaining([...killedSteps.run]));
  });

  it.each(steps)('at %s', async (step) => {
    expect(await runAndKill(short, step, 'command')).toMatchObject({ signal: 'SIGKILL' });
    await expectAllWell();
  });

  it.each(['runtime.create.created', 'run.started'])('at %s, while the container would go on', async (step) => {
    expect(await runAndKill(long, step, 'command')).toMatchObject({ signal: 'SIGKILL' });
    await expectAllWell();
  });
});

describe('kill -9 of the command that unpacks for another stack first', () => {
  it('meets the steps of that', () => {
    expect(unpackSteps.map(({ step }) => step)).toEqual(expect.arrayContaining([...killedSteps.otherStack]));
  });

  it.each(unpackSteps)('at $step, occurrence $nth', async ({ step, nth }) => {
    using fresh = await pulledPlace(config);
    expect(await runCommand(fresh, copy, { kill: { step, nth, whom: ['command'] } })).toMatchObject({ signal: 'SIGKILL' });
    await expectRecovery(fresh);
    expect(await done(fresh, copy)).toMatchObject({ exitCode: 0, stdout: 'hello\n' });
    await using engine = await fresh.open();
    expect(await wrongPaths(engine, image, 'demo', 'copy')).toEqual([]);
    expect(leftInPlace(fresh)).toEqual([]);
  });
});

describe('kill -9 of the monitor', () => {
  it.each(sinceMonitor)('at %s', async (step) => {
    const { signal, report } = await runAndKill(short, step, 'monitor');
    expect(signal).toBeNull();
    if (report?.outcome === 'failed') expect(report).toMatchObject({ kind: 'internal', code: 'MONITOR_LOST' });
    else expect(report).toEqual({ outcome: 'done', exitCode: 0, stdout: 'hello\n' });
    // The command lives, so it cleans up itself and at once.
    expect(leftInPlace(place)).toEqual([]);
    await expectAllWell();
  });

  it.each(['runtime.create.created', 'run.started'])('at %s, while the container would go on', async (step) => {
    const { signal, report } = await runAndKill(long, step, 'monitor');
    expect(signal).toBeNull();
    expect(report).toMatchObject({ outcome: 'failed', kind: 'internal', code: 'MONITOR_LOST' });
    expect(leftInPlace(place)).toEqual([]);
    await expectAllWell();
  });
});

describe('kill -9 of monitor and command', () => {
  it.each(sinceMonitor)('at %s', async (step) => {
    expect(await runAndKill(short, step, 'monitor', 'command')).toMatchObject({ signal: 'SIGKILL' });
    await expectAllWell();
  });

  it.each(['runtime.create.created', 'run.started'])('at %s, while the container would go on', async (step) => {
    expect(await runAndKill(long, step, 'monitor', 'command')).toMatchObject({ signal: 'SIGKILL' });
    await expectAllWell();
  });
});
