import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import { runAfterEnd, runCommand } from './child.ts';
import { expectRecovery } from './crash.ts';
import { alive, expectFoldersOfRows, until } from './living.ts';
import { monitorsIn } from './machine.ts';
import { leftInPlace, namesIn } from './place.ts';
import { placesInMemory } from './tmpfs.ts';

const registry = await startRegistry({ images: ['small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/small:latest`;

const place = placesInMemory()();
afterAll(() => place[Symbol.dispose]());
await runCommand(place, { action: 'pull', image });
const snapshots = path.join(place.root, 'snapshotter.v1/overlay/snapshots');
const before = namesIn(snapshots);

/** Left to itself, and removed at its end. */
async function leave(args: readonly string[]): Promise<{ readonly id: string; readonly pid: number }> {
  await using engine = await place.open();
  const { id, pid } = await engine.run({ image, args, detach: true, removeAtExit: true });
  return { id, pid };
}

const destroyed = (id: string): boolean =>
  readFileSync(path.join(place.state, 'events/journal'), 'utf8').includes(`"action":"destroy","id":"${id}"`);

/** Row, folder, snapshot, bundle, record: nothing is there. */
async function expectGone(): Promise<void> {
  expect(namesIn(snapshots)).toEqual(before);
  expect(leftInPlace(place)).toEqual([]);
  await using engine = await place.open();
  expect(await engine.containers.list({ all: true })).toEqual([]);
  await expectFoldersOfRows(place, engine);
}

it('a container that is removed at its end is gone when it has ended, without any command', async () => {
  const { id } = await leave(['sleep', '0.2']);
  await until(
    'the removal',
    async () => destroyed(id) && leftInPlace(place).length === 0,
    () => leftInPlace(place).join('\n'),
  );
  await expectGone();
});

it('what the monitor is told to start is written to a file for root alone, once', async () => {
  const folder = path.join(place.state, 'after-end');
  const [name = '', ...more] = namesIn(folder);
  expect(more).toEqual([]);
  expect(JSON.parse(readFileSync(path.join(folder, name), 'utf8'))).toEqual(place.options);
});

/** Its monitor, which would start the program, is killed before it ends. */
async function abandoned(): Promise<string> {
  const { id, pid } = await leave(['sleep', '1000']);
  const record = path.join(place.state, 'ops', `run-${id}`);
  for (const monitor of monitorsIn(place.folder)) process.kill(monitor.pid, 'SIGKILL');
  process.kill(pid, 'SIGKILL');
  await until('the end', async () => !alive(pid) && monitorsIn(place.folder).length === 0);
  expect(existsSync(record)).toBe(true);
  return record;
}

describe('the program that cleans up, killed', async () => {
  const trace = path.join(place.folder, 'trace');
  const ended = await runAfterEnd(place, await abandoned(), { trace });
  expect(ended).toMatchObject({ status: 0, stdout: '', stderr: '' });
  const steps = new Set(readFileSync(trace, 'utf8').split('\n').slice(0, -1));
  rmSync(trace);

  it('cleans up, and knows these steps', async () => {
    expect([...steps]).toEqual(
      expect.arrayContaining(['runtime.delete.deleted', 'metadata.write.durable', 'operation.recovered']),
    );
    await expectGone();
  });

  it.each([...steps])('after %s leaves what the next command cleans up', async (step) => {
    const record = await abandoned();
    const killed = await runAfterEnd(place, record, { kill: { step, nth: 1, whom: ['command'] } });
    expect(killed.signal).toBe('SIGKILL');
    await expectRecovery(place);
    await expectGone();
  });
});

it('lets the next container have the name as soon as it has removed the one that had it', async () => {
  await using engine = await place.open();
  for (let round = 0; round < 5; round++) {
    const { id } = await engine.run({ image, name: 'again', args: ['true'], detach: true, removeAtExit: true });
    // It may be gone before, or meanwhile.
    const gone = { code: expect.stringMatching(/^(CONTAINER_NOT_FOUND|EXIT_UNKNOWN)$/) };
    await engine.containers
      .get(id)
      .then((container) => container.wait())
      .catch((error) => expect(error).toMatchObject(gone));
  }
  await until('the removal', async () => leftInPlace(place).length === 0);
});

it('does nothing where another command was first', async () => {
  const record = path.join(place.state, 'ops/run-of-nobody');
  expect(await runAfterEnd(place, record)).toMatchObject({ status: 0, stderr: '' });
});
