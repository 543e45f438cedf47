import { setTimeout as sleep } from 'node:timers/promises';
import { startRegistry } from '@slipway/fixtures';
import { type Engine, isSlipwayError } from 'slipway';
import { afterAll, describe, expect, it } from 'vitest';
import {
  expectedCodes,
  idle,
  type LifeDeed,
  type LifeEvent,
  type LivesRequest,
  lifeDeeds,
  oneOf,
  shortly,
} from '../src/lives-request.ts';
import { type Command, type Ended, runCli, runCommand, startCli, startProgram } from './child.ts';
import { expectRecovery } from './crash.ts';
import { expectFoldersOfRows, until } from './living.ts';
import { monitorsIn } from './machine.ts';
import { leftInPlace } from './place.ts';
import { placesInMemory } from './tmpfs.ts';
import { expectTrueStates } from './truth.ts';

const registry = await startRegistry({ images: ['small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/small:latest`;
const place = placesInMemory()();
afterAll(() => place[Symbol.dispose]());
await runCommand(place, { action: 'pull', image });

const names = ['one', 'two', 'three'] as const;
const waves = 8;
/** At least so many in each wave, a hundred and more in all. */
const killsInWave = { library: 5, cli: 5, monitor: 3 } as const;
/** Moments are spread over so much of what a command needs to run a container, which is measured before each wave. */
const longest = { library: 0.6, cli: 1.2, monitor: 0.6 } as const;
let commandMs = 0;

type Whom = keyof typeof killsInWave;
const whoms: readonly Whom[] = ['library', 'cli', 'monitor'];
const kills: Record<Whom, number> = { library: 0, cli: 0, monitor: 0 };
/** How often each thing was done by programs on the library, and how often a program was killed in the middle of it. */
const counts = { done: new Map<LifeDeed, number>(), killed: new Map<LifeDeed, number>() };
const add = (of: Map<LifeDeed, number>, deed: LifeDeed): void => void of.set(deed, (of.get(deed) ?? 0) + 1);

async function killSoon({ process, ended }: Command, whom: Whom): Promise<Ended> {
  await Promise.race([ended, sleep(Math.random() * longest[whom] * commandMs)]);
  process.kill('SIGKILL');
  return ended;
}

/** Kills a program that goes on and on, when it has begun something or before. */
async function killLibrary(): Promise<void> {
  const request: LivesRequest = { options: place.options, image, names };
  const command = startProgram('lives.ts', [JSON.stringify(request)]);
  const told: string[] = [];
  command.process.stdout?.on('data', (bytes: Buffer) => told.push(...bytes.toString().split('\n').slice(0, -1)));
  const news = Math.floor(Math.random() * 8);
  // What takes long is killed as well: whoever waits for a killed one's end does.
  for (const deadline = Date.now() + 5 * commandMs; told.length < news && Date.now() < deadline; ) await sleep(5);
  const { signal, stdout, stderr } = await killSoon(command, 'library');
  expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' });
  kills.library++;
  const events = stdout.split('\n').slice(0, -1);
  const parsed = events.map((line) => JSON.parse(line) as LifeEvent);
  expect(parsed.filter(({ type }) => type === 'failed')).toEqual([]);
  for (const { deed, type } of parsed) if (type === 'done') add(counts.done, deed);
  const last = parsed.at(-1);
  if (last?.type === 'begun') add(counts.killed, last.deed);
}

const commandLine: Readonly<Record<LifeDeed, (name: string) => readonly string[]>> = {
  create: (name) => ['create', '--name', name, image, ...idle],
  run: (name) => ['run', oneOf(['--detach', '--die-with-parent', '--rm']), '--name', name, image, ...idle],
  start: (name) => ['start', name],
  exec: (name) => ['exec', ...oneOf([[], ['--detach']]), name, ...shortly],
  stop: (name) => ['stop', name],
  kill: (name) => ['kill', name],
  restart: (name) => ['restart', name],
  rename: (name) => ['rename', name, oneOf(names)],
  rm: (name) => ['rm', ...oneOf([[], ['--force']]), name],
};

async function killCli(): Promise<void> {
  const deed = oneOf(lifeDeeds);
  // Errors are told with their codes.
  const { signal, stderr } = await killSoon(startCli(place, ['--debug', ...commandLine[deed](oneOf(names))]), 'cli');
  if (signal === 'SIGKILL') kills.cli++;
  const codes = [...stderr.matchAll(/^code: (.*)$/gm)].map(([, code = '']) => code);
  if (codes.some((code) => !expectedCodes.has(code))) expect({ deed, stderr }).toEqual({ deed, stderr: '' });
}

/** Also those of processes that are executed. */
async function killMonitor(): Promise<void> {
  const monitors = monitorsIn(place.folder);
  if (monitors.length === 0) return sleep(10);
  const one = oneOf(monitors);
  await sleep(Math.random() * longest.monitor * commandMs);
  if (!monitorsIn(place.folder).some(({ pid, directory }) => pid === one.pid && directory === one.directory)) return;
  process.kill(one.pid, 'SIGKILL');
  kills.monitor++;
}

/** A stop or a kill whose command was killed may be carried out only now: then it is started again. False when that has removed it. */
async function isUsable(engine: Engine, id: string): Promise<boolean> {
  return (
    (await until<'used' | 'gone'>(`use of ${id}`, async () => {
      try {
        const container = await engine.containers.get(id);
        const { status } = await container.inspect();
        if (status === 'created' || status === 'exited') await container.start();
        const { exitCode, stdout } = await (await container.exec({ args: ['echo', 'alive'] })).output();
        return exitCode === 0 && stdout.toString() === 'alive\n' && 'used';
      } catch (error) {
        const code = isSlipwayError(error) ? error.code : '';
        if (code === 'CONTAINER_NOT_FOUND') return 'gone';
        if (code === 'CONTAINER_NOT_RUNNING') return false;
        throw error;
      }
    })) === 'used'
  );
}

describe('kill -9 at a hundred random moments, of commands, programs and monitors that do with three containers what there is to do', () => {
  it.each(Array.from({ length: waves }, (_, wave) => wave))(
    'wave %i: what is said is so, and whatever is there can be used',
    async (wave) => {
      const begin = performance.now();
      await runCli(place, ['run', '--detach', image, ...idle]);
      commandMs = performance.now() - begin;
      const toGo = (): Whom[] => whoms.filter((whom) => kills[whom] < (wave + 1) * killsInWave[whom]);
      let failed = false;
      const again = async (kill: () => Promise<void>): Promise<void> => {
        try {
          while (!failed && toGo().length > 0) await kill();
        } catch (error) {
          failed = true;
          throw error;
        }
      };
      await Promise.all([again(killLibrary), again(killLibrary), again(killCli), again(killMonitor)]);
      const found = await expectTrueStates(place);
      await using engine = await place.open();
      for (const { id } of found) {
        if (!(await isUsable(engine, id))) continue;
        const container = await engine.containers.get(id);
        const { removeAtExit } = await container.inspect();
        await container.stop({ timeoutMs: 100 });
        // Some stay, so that what comes next meets them.
        if (!removeAtExit && oneOf([true, false])) await container.remove();
      }
      const kept = await expectTrueStates(place);
      expect(kept.filter(({ status }) => status !== 'exited')).toEqual([]);
    },
  );

  it('leave nothing after all was removed', async () => {
    process.stdout.write(`lives: ${JSON.stringify({ kills, done: [...counts.done], killed: [...counts.killed] })}\n`);
    expect(Object.values(kills).reduce((sum, one) => sum + one)).toBeGreaterThanOrEqual(100);
    {
      await using engine = await place.open();
      await engine.containers.prune();
      expect(await engine.containers.list({ all: true })).toEqual([]);
      await expectFoldersOfRows(place, engine);
    }
    await expectRecovery(place);
    expect(leftInPlace(place)).toEqual([]);
  });
});
