import path from 'node:path';
import type { VolumeDriver } from '@slipway/plugin-api';
import { memoryVolumes } from '@slipway/plugin-testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { containersTable } from '../../dist/metadata/containers.js';
import { rowKey } from '../../dist/metadata/rows.js';
import { makeVolumes, planVolumes } from '../../dist/mounts/plan-volumes.js';
import { Operation } from '../../dist/operations/operation.js';
import { engineVolumes } from '../../dist/volumes/volumes.js';
import { containerRow } from '../containers/row.ts';
import { fakeParts } from '../parts.ts';

const works = {
  carryOut: <T>(_: string, work: () => Promise<T>) => work(),
  orClosing: (signal: AbortSignal | undefined) => signal ?? new AbortController().signal,
};

let fake: ReturnType<typeof fakeParts>;
let drivers: Readonly<Record<string, VolumeDriver>>;
let parts: never;
let volumes: ReturnType<typeof engineVolumes>;

beforeEach(() => {
  fake = fakeParts();
  const folder = (name: string): string => path.join(fake.settings.root, name);
  drivers = { nas: memoryVolumes(folder('nas')), local: memoryVolumes(folder('local')) };
  const driver = (id: string): VolumeDriver => drivers[id] as VolumeDriver;
  parts = {
    ...fake,
    volumes: { ids: Object.keys(drivers), declares: () => ({}), get: async (id: string) => driver(id) },
  } as never;
  volumes = engineVolumes(parts, works);
});
afterEach(() => fake[Symbol.dispose]());

async function containerWith(
  name: string,
  ...given: readonly { readonly driver: string; readonly name: string; readonly anonymous?: boolean }[]
) {
  const rows = given.map((volume, index) => ({ anonymous: false, target: `/t${index}`, ...volume }));
  await fake.metadata.write((tx) => tx.put(containersTable, rowKey(name), containerRow({ name, volumes: rows })));
}

const image = (Volumes: Record<string, unknown> = {}) =>
  ({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, config: { Volumes } }) as never;

describe('volumes of several drivers', () => {
  it('are made by the default one unless another is named, and found by their names alone', async () => {
    expect(await volumes.create({ name: 'a' })).toMatchObject({ driver: 'local', anonymous: false });
    expect(await volumes.create({ name: 'b', driver: 'nas', labels: { x: 'y' } })).toMatchObject({ driver: 'nas' });
    expect(await volumes.inspect('b', { usage: true })).toMatchObject({ driver: 'nas', usage: { files: 0 } });
    expect((await volumes.list()).map(({ name, driver }) => [name, driver])).toEqual([
      ['a', 'local'],
      ['b', 'nas'],
    ]);
    expect(
      (await volumes.list({ filters: { driver: ['nas'], label: ['x=y', 'x'], name: ['b'] } })).map(({ name }) => name),
    ).toEqual(['b']);
    await expect(volumes.create({ name: 'a', driver: 'nas' })).rejects.toMatchObject({ code: 'VOLUME_EXISTS' });
    await expect(volumes.create({ name: 'c', driver: 'none' })).rejects.toMatchObject({ code: 'VOLUME_DRIVER_UNKNOWN' });
    await expect(volumes.create({ name: 'a', options: { flavour: 'x' } })).rejects.toMatchObject({ kind: 'already-exists' });
    await volumes.remove('b');
    expect(await drivers['nas']?.list()).toEqual([]);
  });

  it('stay while a container names them', async () => {
    await volumes.create({ name: 'a' });
    await containerWith('web', { driver: 'local', name: 'a' });
    await containerWith('db', { driver: 'local', name: 'a' });
    // The same name at another driver is another volume's.
    await containerWith('other', { driver: 'nas', name: 'a' });
    expect(await volumes.inspect('a')).toMatchObject({ containers: ['db', 'web'] });
    await expect(volumes.remove('a', { force: true })).rejects.toMatchObject({
      code: 'VOLUME_IN_USE',
      details: { containers: ['db', 'web'] },
    });
    expect(await volumes.list({ filters: { dangling: true } })).toEqual([]);
    expect(await volumes.prune({ all: true })).toEqual({ volumes: [], bytes: 0 });
  });
});

describe('volumes of a container', () => {
  it('are planned without being made, those of the image where nothing else goes', async () => {
    await volumes.create({ name: 'there', driver: 'nas' });
    const settings = {
      mounts: [
        { type: 'volume', volume: 'there', target: '/a' },
        { type: 'volume', volume: 'new', target: '/b/' },
        { type: 'volume', driver: 'nas', target: '/c' },
        { type: 'tmpfs', target: '/d' },
      ],
    } as const;
    const planned = await planVolumes(parts, settings, image({ '/d': {}, '/b': {}, '/e/.': {} }));
    expect(planned).toEqual([
      { driver: 'nas', name: 'there', anonymous: false, target: '/a' },
      { driver: 'local', name: 'new', anonymous: false, target: '/b' },
      { driver: 'nas', name: expect.stringMatching(/^[0-9a-f]{64}$/), anonymous: true, target: '/c' },
      { driver: 'local', name: expect.stringMatching(/^[0-9a-f]{64}$/), anonymous: true, target: '/e' },
    ]);
    expect(await volumes.list()).toHaveLength(1);
    await makeVolumes(parts, planned, settings, image({ '/e/.': {} }));
    await makeVolumes(parts, planned, settings, image({ '/e/.': {} }));
    expect((await volumes.list()).filter(({ anonymous }) => anonymous)).toHaveLength(2);
    expect(await volumes.list()).toHaveLength(4);
  });

  it.each([
    [{ '': {} }, 'expected an absolute path'],
    [{ data: {} }, 'expected an absolute path'],
    [{ '/': {} }, "container's root"],
    [{ '/a/../..': {} }, "container's root"],
    [{ '/proc/sys': {} }, 'over /proc'],
    [{ '/a\0': {} }, 'expected an absolute path'],
  ])('are refused where the image says %j', async (given, why) => {
    await expect(planVolumes(parts, {}, image(given))).rejects.toThrow(why);
  });

  it('go with the operation that holds them: uses first, those of nobody else after', async () => {
    const names = ['mine', 'shared', 'kept'];
    for (const name of names) await volumes.create({ name });
    await containerWith('other', { driver: 'local', name: 'shared', anonymous: true });
    const operation = Operation.begin(parts, 'test');
    for (const name of ['mine', 'shared']) {
      operation.acquire({ kind: 'anonymous-volume', driver: 'local', name });
      operation.acquire({ kind: 'volume-use', driver: 'local', name, user: 'me' });
      await drivers['local']?.mount(name, 'me');
    }
    operation.acquire({ kind: 'anonymous-volume', driver: 'local', name: 'never-made' });
    operation.acquire({ kind: 'volume-use', driver: 'local', name: 'never-made', user: 'me' });
    await operation.end();
    expect((await volumes.list()).map(({ name }) => name)).toEqual(['kept', 'shared']);
    await drivers['local']?.remove('shared');
  });
});
