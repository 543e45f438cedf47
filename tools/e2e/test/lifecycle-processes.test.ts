import { startRegistry } from '@slipway/fixtures';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { CommandRequest } from '../src/request.ts';
import { type Ended, runCommand } from './child.ts';
import { expectRecovery } from './crash.ts';
import { alive, expectFoldersOfRows, isUp, patient, summary } from './living.ts';
import { leftInPlace } from './place.ts';
import { placesInMemory } from './tmpfs.ts';

const registry = await startRegistry({ images: ['small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/small:latest`;
const place = placesInMemory()();
afterAll(() => place[Symbol.dispose]());
await runCommand(place, { action: 'pull', image });

afterEach(async () => {
  {
    await using engine = await place.open();
    for (const { id } of await engine.containers.list({ all: true })) await engine.containers.remove(id, { force: true });
    await expectFoldersOfRows(place, engine);
  }
  await expectRecovery(place);
  expect(leftInPlace(place)).toEqual([]);
});

type Request = Omit<CommandRequest, 'options'>;
const id = 'web';

/** At once, each from a process of its own; the codes of those that failed. */
async function atOnce(requests: readonly Request[]): Promise<{ readonly done: number; readonly codes: readonly string[] }> {
  const ended = await Promise.all(requests.map((request) => runCommand(place, request)));
  const codes = ended.flatMap(({ report }) => (report?.outcome === 'failed' ? [report.code] : []));
  expect(ended.filter(({ report }) => report === undefined).map(({ stderr }: Ended) => stderr)).toEqual([]);
  return { done: ended.length - codes.length, codes };
}

const four = <T>(request: T): T[] => [request, request, request, request];

describe('of several processes that at once', () => {
  it('create a container of one name, one does', async () => {
    const { done, codes } = await atOnce(four({ action: 'create', image, id }));
    expect({ done, codes }).toEqual({ done: 1, codes: ['CONTAINER_EXISTS', 'CONTAINER_EXISTS', 'CONTAINER_EXISTS'] });
  });

  it('start a container, one does, and the others are told that it runs', async () => {
    await runCommand(place, { action: 'create', image, id, args: patient });
    const { done, codes } = await atOnce(four({ action: 'start', id }));
    expect({ done, codes }).toEqual({ done: 1, codes: ['CONTAINER_RUNNING', 'CONTAINER_RUNNING', 'CONTAINER_RUNNING'] });
  });

  it('restart a container, all do, one after the other', async () => {
    await runCommand(place, { action: 'run', image, id, args: patient, detach: true });
    expect(await atOnce(four({ action: 'restart', id }))).toEqual({ done: 4, codes: [] });
    await using engine = await place.open();
    expect(await summary(engine, id)).toMatchObject({ status: 'running' });
  });

  it('stop a container, all see it stopped', async () => {
    await runCommand(place, { action: 'run', image, id, args: patient, detach: true });
    expect(await atOnce(four({ action: 'stop', id }))).toEqual({ done: 4, codes: [] });
  });

  it('remove a container, one does, and the others are told that it is gone', async () => {
    await runCommand(place, { action: 'create', image, id });
    const { done, codes } = await atOnce(four({ action: 'rm', id }));
    expect({ done, codes }).toEqual({ done: 1, codes: ['CONTAINER_NOT_FOUND', 'CONTAINER_NOT_FOUND', 'CONTAINER_NOT_FOUND'] });
  });

  it('remove and start a container, it is gone or it runs', async () => {
    for (let round = 0; round < 3; round++) {
      await runCommand(place, { action: 'create', image, id, args: patient });
      const { codes } = await atOnce([
        { action: 'start', id },
        { action: 'rm', id },
      ]);
      await using engine = await place.open();
      const one = await summary(engine, id);
      if (one === undefined) expect(codes).toEqual(['CONTAINER_NOT_FOUND']);
      else {
        expect(one.status).toBe('running');
        expect(codes).toEqual(['CONTAINER_RUNNING']);
        await engine.containers.remove(id, { force: true });
      }
    }
  });

  it('remove with force and restart a container, it is gone', async () => {
    await runCommand(place, { action: 'run', image, id, args: patient, detach: true });
    const { codes } = await atOnce([
      { action: 'restart', id },
      { action: 'restart', id },
      { action: 'rm', id, all: true },
    ]);
    expect(codes.filter((code) => code !== 'CONTAINER_NOT_FOUND')).toEqual([]);
    await using engine = await place.open();
    expect(await summary(engine, id)).toBeUndefined();
  });

  it('give two containers one name, one gets it', async () => {
    await runCommand(place, { action: 'create', image, id: 'one' });
    await runCommand(place, { action: 'create', image, id: 'two' });
    const { done, codes } = await atOnce([
      { action: 'rename', id: 'one', to: id },
      { action: 'rename', id: 'two', to: id },
    ]);
    expect({ done, codes }).toEqual({ done: 1, codes: ['CONTAINER_EXISTS'] });
  });
});

describe('one process', () => {
  it('runs fifty containers, ten at a time, and leaves nothing', async () => {
    await using engine = await place.open();
    const numbers = Array.from({ length: 50 }, (_, number) => number);
    const worker = async (): Promise<void> => {
      for (let number = numbers.pop(); number !== undefined; number = numbers.pop()) {
        const { exitCode, stdout } = await (await engine.run({ image, args: ['echo', String(number)] })).output();
        expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 0, stdout: `${number}\n` });
      }
    };
    await Promise.all(Array.from({ length: 10 }, worker));
    expect(await engine.containers.list({ all: true })).toEqual([]);
  });

  it('leaves twenty containers to themselves and ends; another stops them all', async () => {
    const starting = Array.from({ length: 20 }, (_, number) =>
      number < 5 ? runCommand(place, { action: 'run', image, id: `other-${number}`, args: patient, detach: true }) : undefined,
    );
    {
      await using engine = await place.open();
      await Promise.all(
        starting.map((other, number) => other ?? engine.run({ image, name: `own-${number}`, args: patient, detach: true })),
      );
    }
    await using engine = await place.open();
    const running = await engine.containers.list();
    expect(running.map(({ status }) => status)).toEqual(running.map(() => 'running'));
    expect(running).toHaveLength(20);
    await Promise.all(running.map((one) => isUp(place, one.id)));
    await Promise.all(running.map(async (one) => (await engine.containers.get(one.id)).stop()));
    const ended = await engine.containers.list({ all: true });
    expect(ended.map(({ status, exitCode }) => ({ status, exitCode }))).toEqual(
      ended.map(() => ({ status: 'exited', exitCode: 7 })),
    );
    expect(running.filter(({ pid }) => alive(pid ?? 0))).toEqual([]);
  });
});
