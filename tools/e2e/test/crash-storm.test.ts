import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRegistry } from '@slipway/fixtures';
import type { Engine, RunningContainer } from 'slipway';
import { afterAll, describe, expect, it } from 'vitest';
import type { StormEvent, StormRequest } from '../src/storm-request.ts';
import { compileCache, source } from './child.ts';
import { expectPullAndRun, expectRecovery } from './crash.ts';
import { leftInPlace, makePlace, wrongBlobs } from './place.ts';
import { everythingKept } from './store.ts';
import { makeTmpfs } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

/** They share a layer. */
const names = ['demo', 'small', 'links'] as const;
const registry = await startRegistry({ images: [...names] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = (name: string): string => `${registry.address}/test/${name}:latest`;
const disk = makeTmpfs();
afterAll(() => disk[Symbol.dispose]());
const place = makePlace('[stacks.copy]\nsnapshotter = "native"', disk.folder);
afterAll(() => place[Symbol.dispose]());
const stacks = ['default', 'copy'];

const processes = 3;
const waves = 5;
const killsInWave = 20;
/** From something that it told on: what it does then takes about so long. */
const longestMs = 500;
let kills = 0;
let starts = 0;
/** How often each thing was done, and how often a process was killed in the middle of it. */
const done = new Map<string, number>();
const killed = new Map<string, number>();

/** Starts a process and kills it at a random moment, again and again. */
async function storm(request: StormRequest, until: () => boolean): Promise<void> {
  while (!until()) {
    // A name of its own: the monitor of one that was killed frees the name a moment after.
    const id = `${request.id}-${++starts}`;
    const program = [source('storm.ts'), JSON.stringify({ ...request, id })];
    const env = { PATH: process.env['PATH'], ...compileCache };
    const child = spawn(process.execPath, program, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const told = (): Promise<unknown> => Promise.race([once(child.stdout, 'data'), ended]);
    const said = Promise.all([text(child.stdout), text(child.stderr)]);
    const ended = once(child, 'exit');
    // Some are killed before they tell anything, while they open the store and clean up; some have done something.
    for (let news = Math.ceil(Math.random() * 4 - 0.4); news > 0; news--) await told();
    await sleep(Math.random() * longestMs);
    child.kill('SIGKILL');
    const [, signal] = (await ended) as [number | null, string | null];
    const [stdout, stderr] = await said;
    expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' });
    kills++;
    count(stdout);
  }
}

function count(stdout: string): void {
  const events = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as StormEvent);
  expect(events.filter(({ type }) => type === 'failed')).toEqual([]);
  const add = (counts: Map<string, number>, deed: string): void => void counts.set(deed, (counts.get(deed) ?? 0) + 1);
  for (const { deed, type } of events) if (type === 'done') add(done, deed);
  const last = events.at(-1);
  if (last?.type === 'begun') add(killed, last.deed);
}

/** A container that nobody kills: it answers before and after. */
async function bystander(engine: Engine): Promise<RunningContainer> {
  return engine.run({ image: image('small'), name: `${path.basename(place.folder)}-bystander`, args: ['cat'], stdin: 'pipe' });
}

async function answer(container: RunningContainer, line: string): Promise<void> {
  const { stdin, stdout } = container;
  if (stdin === undefined || stdout === undefined) throw new Error('the bystander has no pipes');
  stdin.write(`${line}\n`);
  const [bytes] = (await once(stdout, 'data')) as [Buffer];
  expect(bytes.toString()).toBe(`${line}\n`);
}

describe('a hundred kill -9 at random moments, of three processes at once that pull, run, remove and prune', () => {
  it.each(Array.from({ length: waves }, (_, wave) => wave))(
    'wave %i: what is listed is whole, what runs goes on',
    async (wave) => {
      const goal = (wave + 1) * killsInWave;
      {
        await using engine = await place.open();
        const container = await bystander(engine);
        await answer(container, 'before');
        const requests = Array.from({ length: processes }, (_, index) => ({
          options: place.options,
          images: names.map(image),
          stacks,
          id: `${path.basename(place.folder)}-${index}`,
        }));
        await Promise.all(requests.map((request) => storm(request, () => kills >= goal)));
        await answer(container, 'after');
        await container.kill();
        await container.wait();
      }
      await expectRecovery(place);
      expect(wrongBlobs(place)).toEqual([]);
      await using engine = await place.open();
      for (const { name } of await engine.images.list()) {
        const which = names.find((each) => image(each) === name) ?? 'demo';
        for (const stack of stacks) {
          const container = await engine.run({
            image: name,
            stack,
            pull: 'never',
            args: ['/bin/echo', 'alive'],
            name: path.basename(place.folder),
          });
          expect((await container.output()).stdout.toString()).toBe('alive\n');
          expect(await wrongPaths(engine, name, which, stack)).toEqual([]);
        }
      }
    },
  );

  it('leave nothing after everything was removed and pruned', async () => {
    expect(kills).toBeGreaterThanOrEqual(waves * killsInWave);
    const counts = { done: Object.fromEntries(done), killed: Object.fromEntries(killed) };
    process.stdout.write(`storm: ${kills} kills, ${JSON.stringify(counts)}\n`);
    for (const deed of ['pull', 'run', 'remove', 'prune']) {
      expect(killed.get(deed)).toBeGreaterThan(0);
    }
    expect(done.size).toBeGreaterThan(0);
    expect([...killed.values()].reduce((sum, times) => sum + times, 0)).toBeGreaterThan(kills / 2);
    {
      await using engine = await place.open();
      expect(await engine.system.prune({ all: true, partial: true })).toMatchObject({ failures: [] });
      expect(await engine.images.list()).toEqual([]);
    }
    expect(await everythingKept(place)).toEqual([]);
    expect(leftInPlace(place)).toEqual([]);
    for (const name of names) await expectPullAndRun(place, image(name), name);
    expect(leftInPlace(place)).toEqual([]);
  });
});
