import { startRegistry } from '@slipway/fixtures';
import { contentPoint, type Snapshotter, snapshotterPoint } from '@slipway/plugin-api';
import type { Host } from 'slipway';
import { afterAll, describe, expect, it } from 'vitest';
import { leftInPlace, makePlace, type Place } from './place.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;

async function removeAll(place: Place): Promise<void> {
  await using other = await place.open();
  if ((await other.images.list()).length > 0) await other.images.remove(image);
  await other.system.prune();
}

/** The first `times` calls of a method of a plugin meet `event` before or after what they do. */
function around<T extends object, K extends keyof T>(
  plugin: T,
  method: K,
  times: number,
  when: 'before' | 'after',
  event: () => Promise<void>,
): void {
  const call = plugin[method] as (...args: unknown[]) => Promise<unknown>;
  let left = times;
  const wrapped = async (...args: unknown[]): Promise<unknown> => {
    const isMet = left-- > 0;
    if (isMet && when === 'before') await event();
    const result = await call.apply(plugin, args);
    if (isMet && when === 'after') await event();
    return result;
  };
  Object.assign(plugin, { [method]: wrapped });
}

async function run(host: Host, place: Place, pull: 'missing' | 'never' | 'always' = 'missing'): Promise<string> {
  const engine = await host.engine();
  const container = await engine.run({ image, name: place.folder.split('/').at(-1), args: ['echo', 'hello'], pull });
  return (await container.output()).stdout.toString();
}

describe('an image that is removed by another process while a container is made of it', () => {
  const snapshotter = (host: Host): Promise<Snapshotter> => host.kernel.get(snapshotterPoint, 'overlay');

  it.each(['missing', 'always'] as const)('between its snapshots and the container, is pulled again (%s)', async (pull) => {
    using place = makePlace();
    {
      await using host = await place.openHost();
      await (await host.engine()).pull(image);
      // The last look at what is here, before a container holds it.
      around(await snapshotter(host), 'stat', pull === 'always' ? 2 : 1, 'after', () => removeAll(place));
      expect(await run(host, place, pull)).toBe('hello\n');
    }
    expect(leftInPlace(place)).toEqual([]);
  });

  it('between its name and its content, is pulled again, and once more', async () => {
    using place = makePlace();
    {
      await using host = await place.openHost();
      await (await host.engine()).pull(image);
      around(await snapshotter(host), 'stat', 2, 'after', () => removeAll(place));
      around(await host.kernel.get(contentPoint, 'local'), 'readerAt', 1, 'before', () => removeAll(place));
      expect(await run(host, place)).toBe('hello\n');
    }
    expect(leftInPlace(place)).toEqual([]);
  });

  it('is not pulled again without an end', async () => {
    using place = makePlace();
    {
      await using host = await place.openHost();
      await (await host.engine()).pull(image);
      around(await snapshotter(host), 'stat', 100, 'after', () => removeAll(place));
      await expect(run(host, place)).rejects.toMatchObject({ code: 'IMAGE_REMOVED', kind: 'aborted' });
    }
    expect(leftInPlace(place)).toEqual([]);
  });

  it('is not pulled again where it must never be pulled', async () => {
    using place = makePlace();
    {
      await using host = await place.openHost();
      await (await host.engine()).pull(image);
      around(await snapshotter(host), 'stat', 1, 'after', () => removeAll(place));
      await expect(run(host, place, 'never')).rejects.toMatchObject({ code: 'IMAGE_REMOVED', hint: 'run it again' });
      expect(await (await host.engine()).images.list()).toEqual([]);
    }
    expect(leftInPlace(place)).toEqual([]);
  });
});
