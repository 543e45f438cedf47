import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { VolumeDriver } from '@slipway/plugin-api';
import { memoryVolumes, type OpenSubject, type VolumeLawOptions, volumeLaws } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { CollectingRunner } from './collecting-runner.ts';

const open =
  (change: (driver: VolumeDriver) => Partial<VolumeDriver> = () => ({})): OpenSubject<VolumeDriver> =>
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'slipway-volumes-'));
    const driver = memoryVolumes(folder);
    return {
      instance: { ...driver, ...change(driver) },
      capabilities: {},
      async [Symbol.asyncDispose]() {
        await driver[Symbol.asyncDispose]();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  };

const options: VolumeLawOptions = { someOptions: { flavour: 'sweet' } };

volumeLaws({ describe, it }, open(), options);

const faults: readonly (readonly [
  fault: string,
  change: (driver: VolumeDriver) => Partial<VolumeDriver>,
  laws: readonly string[],
])[] = [
  [
    'labels are forgotten',
    (driver) => ({ create: (name, { options } = {}) => driver.create(name, { options }) }),
    ['what was created is told as it was asked for'],
  ],
  [
    'a list is in the order of creation',
    (driver) => {
      const names: string[] = [];
      return {
        create: async (name, wanted) => {
          const volume = await driver.create(name, wanted);
          names.push(name);
          return volume;
        },
        list: async () => {
          const volumes = await driver.list();
          return volumes.toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
        },
      };
    },
    [
      'a list is in the order of names, and empty at first',
      'create of what is there with other options is already-exists, and changes nothing',
    ],
  ],
  [
    'other options are taken for the same',
    (driver) => ({
      create: async (name, wanted) =>
        (await driver.list()).find((volume) => volume.name === name) ?? (await driver.create(name, wanted)),
    }),
    ['create of what is there with other options is already-exists, and changes nothing'],
  ],
  [
    'options are ignored',
    (driver) => ({ create: (name, { labels } = {}) => driver.create(name, { labels }) }),
    [
      'create of what is there with other options is already-exists, and changes nothing',
      'options that it does not know are invalid-argument, and nothing is made',
    ],
  ],
  [
    'every user has files of its own',
    (driver) => ({
      mount: async (name, user) => {
        await driver.mount(name, user);
        const other = `other-${user}`;
        await driver.create(other);
        return driver.mount(other, user);
      },
    }),
    [
      'a volume is empty at first, and keeps what is written',
      'a removed volume is gone with everything in it, and its name is free',
      'usage counts files and bytes',
      'several users see the same files, and each counts',
      'cleanup ends users that are no more, and no others',
    ],
  ],
  [
    'nobody minds users',
    (driver) => ({
      remove: async (name, wanted) => {
        await driver.cleanup(new Set()).catch(() => undefined);
        await driver.remove(name, wanted);
      },
    }),
    [
      'while a user has it, it is not removed',
      'mount and unmount twice are as once',
      'several users see the same files, and each counts',
      'cleanup ends users that are no more, and no others',
    ],
  ],
  [
    'users are counted, not known',
    (driver) => {
      let count = 0;
      return {
        mount: (name) => driver.mount(name, `user${count++}`),
        unmount: (name) => driver.unmount(name, `user${--count}`),
      };
    },
    [
      'mount and unmount twice are as once',
      'while a user has it, it is not removed',
      'cleanup ends users that are no more, and no others',
    ],
  ],
  [
    'cleanup does nothing',
    () => ({ cleanup: async () => undefined }),
    ['cleanup ends users that are no more, and no others', 'after dispose every call is refused, and says so'],
  ],
  [
    'nothing is ever counted',
    () => ({ usage: async () => ({ bytes: 0, files: 0 }) }),
    [
      'usage counts files and bytes',
      'a name that is none is invalid-argument everywhere, and nothing is touched',
      'what is not there is not-found',
      'a remove that was canceled before it began removes nothing',
      'after dispose every call is refused, and says so',
    ],
  ],
  [
    'a signal is not heeded',
    (driver) => ({ remove: (name) => driver.remove(name) }),
    ['a remove that was canceled before it began removes nothing'],
  ],
];

describe('broken drivers are told from sound ones', () => {
  it.each(faults)('%s', async (_, change, laws) => {
    const runner = new CollectingRunner();
    volumeLaws(runner, open(change), options);
    expect(new Set(await runner.failing(''))).toEqual(new Set(laws));
  });
});
