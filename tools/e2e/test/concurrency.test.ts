import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startRegistry } from '@slipway/fixtures';
import { snapshotterPoint } from '@slipway/plugin-api';
import type { Engine } from 'slipway';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { type Ended, runCommand, startCommand } from './child.ts';
import { expectRecovery } from './crash.ts';
import { ownDescriptors } from './machine.ts';
import { leftInPlace, type Place } from './place.ts';
import { placesInMemory } from './tmpfs.ts';
import { wrongPaths } from './trees.ts';

const newPlace = placesInMemory();

const registry = await startRegistry({ images: ['medium', 'demo', 'small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const medium = `${registry.address}/test/medium:latest`;
const demo = `${registry.address}/test/demo:latest`;
const small = `${registry.address}/test/small:latest`;

async function expectTree(place: Place, image: string, name: 'medium' | 'demo'): Promise<void> {
  await using engine = await place.open();
  expect(await wrongPaths(engine, image, name)).toEqual([]);
}

describe('several processes on one root', () => {
  it('that pull one image at once all succeed, and nothing is left but the image', async () => {
    using place = newPlace();
    const pulls = [1, 2, 3].map(() => runCommand(place, { action: 'pull', image: medium }));
    for (const ended of await Promise.all(pulls)) expect(ended).toMatchObject({ status: 0, report: { outcome: 'done' } });
    await expectRecovery(place);
    await expectTree(place, medium, 'medium');
    expect(leftInPlace(place)).toEqual([]);
  });

  it('of which one pulls and one removes, over and over, lose nothing', async () => {
    using place = newPlace();
    const outcomes = { pulled: 0, removed: 0 };
    const puller = async (): Promise<void> => {
      await using engine = await place.open();
      for (let round = 0; round < 15; round++) {
        await engine.pull(demo);
        outcomes.pulled++;
      }
    };
    const remover = async (): Promise<void> => {
      for (let round = 0; round < 15; round++) {
        const { report } = await runCommand(place, { action: 'remove', image: demo });
        if (report?.outcome === 'done') outcomes.removed++;
        else expect(report).toMatchObject({ kind: 'not-found', code: 'IMAGE_NOT_FOUND' });
      }
    };
    await Promise.all([puller(), remover()]);
    expect(outcomes.pulled).toBe(15);
    expect(outcomes.removed).toBeGreaterThan(0);
    expect(await runCommand(place, { action: 'pull', image: demo })).toMatchObject({ status: 0 });
    await expectRecovery(place);
    await expectTree(place, demo, 'demo');
    expect(leftInPlace(place)).toEqual([]);
  });

  it('parent-gone: a pull goes on when a removal takes the snapshot that it was to grow on', async () => {
    using place = newPlace();
    await using host = await place.openHost();
    const engine = await host.engine();
    const snapshotter = await host.kernel.get(snapshotterPoint, 'overlay');
    const removals: Promise<void>[] = [];
    // As a sweep does that had looked at the leases before the pull began.
    const remove = (message: unknown): void => {
      const { name, details } = message as { name: string; details: { chainId: string } };
      if (name === 'unpack.committed' && removals.length < 2) removals.push(snapshotter.remove(details.chainId));
    };
    subscribe('slipway:step', remove);
    try {
      await engine.pull(demo);
    } finally {
      unsubscribe('slipway:step', remove);
    }
    expect(await Promise.all(removals)).toHaveLength(2);
    expect(await wrongPaths(engine, demo, 'demo')).toEqual([]);
    expect((await engine.images.remove(demo)).snapshots).toHaveLength(3);
  });

  it('that run containers of one id have exactly one winner', async () => {
    using place = newPlace();
    await runCommand(place, { action: 'pull', image: small });
    const id = path.basename(place.folder);
    const request = { action: 'run', image: small, id, args: ['sleep', '100000'] } as const;
    const commands = [1, 2, 3].map(() => startCommand(place, request));
    const ended: Ended[] = [];
    for (const command of commands) void command.ended.then((how) => ended.push(how));
    // The losers end; the winner's container goes on until it is killed.
    await vi.waitFor(() => expect(ended).toHaveLength(2), { timeout: 90_000, interval: 20 });
    const lost = { outcome: 'failed', kind: 'already-exists', code: 'CONTAINER_EXISTS' };
    expect(ended).toEqual([
      expect.objectContaining({ report: expect.objectContaining(lost) }),
      expect.objectContaining({ report: expect.objectContaining(lost) }),
    ]);
    for (const { process } of commands) process.kill('SIGKILL');
    await Promise.all(commands.map((command) => command.ended));
    await expectRecovery(place);
  });
});

describe('one engine', () => {
  it('refuses a second container of a name, and takes the name again when the first has gone', async () => {
    using place = newPlace();
    await using engine = await place.open();
    const id = path.basename(place.folder);
    const outcomes = await Promise.allSettled(
      [1, 2, 3].map(() => engine.run({ image: small, name: id, args: ['sleep', '100000'] })),
    );
    const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(winners).toHaveLength(1);
    expect(reasons).toEqual([1, 2].map(() => expect.objectContaining({ kind: 'already-exists', code: 'CONTAINER_EXISTS' })));
    await winners[0]?.kill();
    expect(await winners[0]?.wait()).toMatchObject({ exitCode: 137, signal: 9 });
    await echo(engine, id, 'again');
    expect(leftInPlace(place)).toEqual([]);
  });

  it('runs thirty containers side by side', async () => {
    using place = newPlace();
    const id = path.basename(place.folder);
    {
      await using engine = await place.open();
      await engine.pull(small);
      await Promise.all(Array.from({ length: 30 }, (_, index) => echo(engine, `${id}-${index}`, `number ${index}`)));
    }
    expect(leftInPlace(place)).toEqual([]);
    await expectRecovery(place);
  });

  it('leaves nothing behind after two hundred containers, and does not grow', { timeout: 400_000 }, async () => {
    using place = newPlace();
    const id = path.basename(place.folder);
    {
      await using engine = await place.open();
      await engine.pull(small);
      const run = async (from: number, to: number): Promise<void> => {
        for (let index = from; index < to; index++) await echo(engine, `${id}-${index}`, `number ${index}`);
      };
      await run(0, 50);
      const before = { descriptors: ownDescriptors(), left: leftInPlace(place), memory: memoryAfterCollection() };
      await run(50, 200);
      expect(leftInPlace(place)).toEqual(before.left);
      expect(before.left).toEqual([]);
      // Each by what it is of: one of the start may be closed by now, which must not hide one that was left open.
      expect(ownDescriptors().filter((each) => !before.descriptors.includes(each))).toEqual([]);
      // Some 27 KB for each of the containers in between; what one leaks by its streams and buffers alone is more.
      expect(memoryAfterCollection() - before.memory).toBeLessThan(4 * 1024 * 1024);
    }
    await expectRecovery(place);
  });
});

async function echo(engine: Engine, id: string, text: string): Promise<void> {
  const container = await engine.run({ image: small, name: id, args: ['echo', text] });
  const { exitCode, stdout } = await container.output();
  expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 0, stdout: `${text}\n` });
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function memoryAfterCollection(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}
