import { startRegistry } from '@slipway/fixtures';
import type { ContainerSummary } from 'slipway';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { CommandRequest, StepKill } from '../src/request.ts';
import { type Ended, runCommand, traceSteps } from './child.ts';
import { expectRecovery } from './crash.ts';
import { killedSteps } from './killed-steps.ts';
import { expectFoldersOfRows, isUp, patient, until } from './living.ts';
import { leftInPlace } from './place.ts';
import { done as doneOn } from './scene.ts';
import { placesInMemory } from './tmpfs.ts';
import { expectTrueStates, statusOf } from './truth.ts';

const registry = await startRegistry({ images: ['small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/small:latest`;

// One place for all: each test leaves it as it was, which is what is tested.
const place = placesInMemory()();
afterAll(() => place[Symbol.dispose]());
await doneOn(place, { action: 'pull', image });

const id = 'web';
type Request = Omit<CommandRequest, 'options'>;
const create: Request = { action: 'create', image, id, args: patient };
const start: Request = { action: 'start', id };
const runDetached: Request = { action: 'run', image, id, args: patient, detach: true };
const stop: Request = { action: 'stop', id };
const restart: Request = { action: 'restart', id };
const rename: Request = { action: 'rename', id, to: 'other' };
const exec: Request = { action: 'exec', id, args: ['echo', 'hello'] };
const attach: Request = { action: 'attach', id };
const remove: Request = { action: 'rm', id };
const removeRunning: Request = { action: 'rm', id, all: true };

/** What must be there before each of them. */
const scenes = {
  create: { request: create, before: [] },
  'run detached': { request: runDetached, before: [] },
  start: { request: start, before: [create] },
  'start again': { request: start, before: [runDetached, stop] },
  stop: { request: stop, before: [runDetached] },
  restart: { request: restart, before: [runDetached] },
  rename: { request: rename, before: [create] },
  exec: { request: exec, before: [runDetached] },
  attach: { request: attach, before: [runDetached] },
  remove: { request: remove, before: [create] },
  'remove a running one': { request: removeRunning, before: [runDetached] },
} as const satisfies Record<string, { readonly request: Request; readonly before: readonly Request[] }>;
type Scene = keyof typeof scenes;

/** A container that was run is up then. */
async function done(request: Request): Promise<void> {
  await doneOn(place, request);
  if (request.action === 'run') await isUp(place, (await only()).id);
}

async function containers(): Promise<readonly ContainerSummary[]> {
  await using engine = await place.open();
  return await engine.containers.list({ all: true });
}

async function only(): Promise<ContainerSummary> {
  const [first] = await containers();
  if (first === undefined) throw new Error('there is no container');
  return first;
}

async function setUp(scene: Scene): Promise<void> {
  for (const request of scenes[scene].before) await done(request);
}

/** With force, and whatever its name is by now. */
async function clear(): Promise<void> {
  await using engine = await place.open();
  for (const one of await engine.containers.list({ all: true })) await engine.containers.remove(one.id, { force: true });
  expect(await engine.containers.list({ all: true })).toEqual([]);
  await expectFoldersOfRows(place, engine);
}

async function expectClear(): Promise<void> {
  await clear();
  await expectRecovery(place);
  expect(leftInPlace(place)).toEqual([]);
}

function monitorNow(one: ContainerSummary | undefined): number | undefined {
  return one === undefined ? undefined : statusOf(place, one.id)?.monitor.pid;
}

/** They ask for its end: what was asked for before the kill may come at any moment after. */
const ending: ReadonlySet<Scene> = new Set(['stop', 'restart', 'remove a running one']);

/** Whatever was killed, it can be started, stopped and removed by those who come later. */
async function expectUsable(scene?: Scene): Promise<void> {
  if (scene !== undefined && ending.has(scene)) await stopped();
  const [one] = await expectTrueStates(place);
  if (one !== undefined) {
    const called = { id: one.id };
    if (one.status === 'created' || one.status === 'exited') await done({ action: 'start', ...called });
    const [running] = await expectTrueStates(place);
    expect(running).toMatchObject({ status: 'running' });
    // What it says when nobody listens is in no log.
    if (running?.unsupervised !== true) await isUp(place, one.id);
    await done({ action: 'stop', ...called });
    expect(await expectTrueStates(place)).toMatchObject([{ status: 'exited' }]);
  }
  await expectClear();
}

/** As far as it is there. */
async function stopped(): Promise<void> {
  await using engine = await place.open();
  for (const { id } of await engine.containers.list({ all: true })) {
    const container = await engine.containers.get(id).catch(() => undefined);
    await container?.stop().catch((error) => expect(error).toMatchObject({ kind: 'not-found' }));
  }
}

async function kill(scene: Scene, step: string, ...whom: StepKill['whom']): Promise<Ended> {
  await setUp(scene);
  const monitor = monitorNow((await containers())[0]);
  return runCommand(place, scenes[scene].request, { kill: { step, nth: 1, whom }, monitor });
}

const steps = new Map<Scene, readonly string[]>();
for (const scene of Object.keys(scenes) as Scene[]) {
  await setUp(scene);
  steps.set(scene, [...(await traceSteps(place, scenes[scene].request)).keys()]);
  await clear();
}
const all = [...steps].flatMap(([scene, names]) => names.map((step) => [scene, step] as const));
const startsMonitor = (scene: Scene): boolean => steps.get(scene)?.includes('runtime.monitor.started') === true;
/** Of those that start none; `exec` starts one of its own. */
const livesWithMonitor: ReadonlySet<Scene> = new Set(['stop', 'remove a running one', 'exec', 'attach']);
const hasMonitor = (scene: Scene, step: string): boolean => {
  const names = steps.get(scene) ?? [];
  return startsMonitor(scene) ? names.indexOf(step) >= names.indexOf('runtime.monitor.started') : livesWithMonitor.has(scene);
};
const withMonitor = all.filter(([scene, step]) => hasMonitor(scene, step) && scene !== 'start again' && scene !== 'restart');

/** Whatever of it is killed, the container is there. */
const stays: ReadonlySet<Scene> = new Set(['start', 'start again', 'stop', 'restart', 'exec', 'attach']);

/** Met by who comes first after the end of a monitor, which may be another. */
const ofCleaning: ReadonlySet<string> = new Set(['runtime.delete.deleted', 'operation.recovered', 'operation.settled']);

function expectKilled({ signal, status }: Ended, step: string): void {
  expect(signal ?? status).toBeOneOf(ofCleaning.has(step) ? ['SIGKILL', 0] : ['SIGKILL']);
}

afterEach(clear);

describe('kill -9 of a command of the lifecycle', () => {
  it('meets the steps of it', () => {
    const met = new Set(all.map(([, step]) => step));
    expect(killedSteps.lifecycle.filter((step) => !met.has(step))).toEqual([]);
  });

  it.each(all)('%s, at %s', async (scene, step) => {
    expectKilled(await kill(scene, step, 'command'), step);
    const [one] = await expectTrueStates(place);
    // A run that was asked for and had begun goes on without who asked; the container is there when it was said to be.
    if (stays.has(scene)) expect(one).toBeDefined();
    expect(one?.unsupervised).toBeUndefined();
    await expectUsable(scene);
  });
});

describe('kill -9 of the monitor', () => {
  it.each(withMonitor)('%s, at %s', async (scene, step) => {
    const { signal, report } = await kill(scene, step, 'monitor');
    expect(signal).toBeNull();
    if (report?.outcome === 'failed')
      expect(report).toMatchObject({ kind: expect.stringMatching(/internal|unavailable|data-loss/) });
    await expectUsable(scene);
  });
});

describe('kill -9 of both', () => {
  it.each(withMonitor)('%s, at %s', async (scene, step) => {
    expectKilled(await kill(scene, step, 'monitor', 'command'), step);
    await expectUsable(scene);
  });
});

describe('a container whose monitor was killed', () => {
  it('runs on, is said to be unsupervised, and how it ends is not known', async () => {
    await done(runDetached);
    const before = await only();
    process.kill(monitorNow(before) ?? 0, 'SIGKILL');
    await until('the loss', async () => (await only()).unsupervised);
    expect(await only()).toMatchObject({ status: 'running', pid: before.pid });
    {
      await using engine = await place.open();
      await expect(engine.containers.remove(id)).rejects.toMatchObject({ code: 'CONTAINER_RUNNING' });
      const container = await engine.containers.get(id);
      // It may reject before the stop resolves.
      const exit = expect(container.wait()).rejects.toMatchObject({ kind: 'data-loss', code: 'EXIT_UNKNOWN' });
      await container.stop({ timeoutMs: 0 });
      await exit;
      const ended = await only();
      expect(ended.status).toBe('exited');
      expect(ended).not.toHaveProperty('exitCode');
      await container.start();
      expect(await only()).toMatchObject({ status: 'running' });
    }
    await expectUsable();
  });

  it('that is removed when it ends, is removed by the next call when it has ended', async () => {
    await using engine = await place.open();
    const container = await engine.run({ image, args: patient, detach: true, removeAtExit: true });
    await isUp(place, container.id);
    process.kill(monitorNow(await only()) ?? 0, 'SIGKILL');
    await until('the loss', async () => (await only()).unsupervised);
    process.kill(container.pid, 'SIGKILL');
    await until('its removal', async () => (await containers()).length === 0);
    await expectClear();
  });
});

it('a program that is killed leaves what it detached from, and what it only ran dies with it', async () => {
  const attached = { action: 'run', image, id: 'attached', args: patient } as const;
  expect(await runCommand(place, attached, { kill: { step: 'run.started', nth: 1, whom: ['command'] } })).toMatchObject({
    signal: 'SIGKILL',
  });
  await until('its removal', async () => (await containers()).length === 0);
  await done(runDetached);
  expect(await only()).toMatchObject({ status: 'running' });
  await expectUsable();
});

it('a container that is attached, and was not to die with its parent, goes on when that is killed', async () => {
  const request = { ...runDetached, detach: false, keep: true };
  for (const whom of [['command'], ['monitor', 'command']] as const) {
    expectKilled(await runCommand(place, request, { kill: { step: 'run.started', nth: 1, whom } }), 'run.started');
    const [one] = await expectTrueStates(place);
    if (whom.length === 2) {
      // A killed monitor takes a moment to be gone. What writes when nobody is left who reads ends of that.
      await until('the loss', async () => {
        const { status, unsupervised } = await only();
        return status === 'exited' || unsupervised === true;
      });
    } else {
      expect(one).toMatchObject({ status: 'running' });
      if (one !== undefined) await isUp(place, one.id);
    }
    await expectUsable();
  }
});
