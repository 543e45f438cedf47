import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { type ErrorKind, SlipwayError, throwIfAborted, type VolumeDriver, type VolumeInfo } from '@slipway/plugin-api';

interface MemoryVolume {
  readonly info: VolumeInfo;
  readonly folder: string;
  readonly users: Set<string>;
}

/**
 * A {@link VolumeDriver} with its books in memory, for tests of parts that need one; files lie in `folder`. It takes the option `flavour`, which means nothing.
 */
export function memoryVolumes(folder: string): VolumeDriver & AsyncDisposable {
  const volumes = new Map<string, MemoryVolume>();
  let isClosed = false;
  let made = 0;
  const check = (name: string): void => {
    if (isClosed) throw refusal('unavailable', name, 'the driver has been closed');
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name)) throw refusal('invalid-argument', name, 'that is no name');
  };
  const find = (name: string): MemoryVolume => {
    check(name);
    const volume = volumes.get(name);
    if (volume === undefined) throw refusal('not-found', name, 'there is no such volume');
    return volume;
  };
  return {
    async create(name, { options = {}, labels = {} } = {}) {
      check(name);
      const unknown = Object.keys(options).find((key) => key !== 'flavour');
      if (unknown !== undefined) throw refusal('invalid-argument', name, `the option "${unknown}" is not known`);
      const there = volumes.get(name);
      if (there !== undefined) {
        if (there.info.options['flavour'] !== options['flavour']) throw refusal('already-exists', name, 'with other options');
        return there.info;
      }
      const mountpoint = path.join(folder, String(made++));
      mkdirSync(mountpoint, { recursive: true });
      const info = { name, createdAt: new Date().toISOString(), options, labels, mountpoint };
      volumes.set(name, { info, folder: mountpoint, users: new Set() });
      return info;
    },
    inspect: async (name) => find(name).info,
    async list() {
      if (isClosed) throw refusal('unavailable', '', 'the driver has been closed');
      return [...volumes.keys()].sort().map((name) => find(name).info);
    },
    async remove(name, { signal } = {}) {
      const volume = find(name);
      throwIfAborted(`remove volume "${name}"`, signal);
      if (volume.users.size > 0) throw refusal('failed-precondition', name, `in use by ${[...volume.users].join(', ')}`);
      volumes.delete(name);
      rmSync(volume.folder, { recursive: true });
    },
    async mount(name, user) {
      const volume = find(name);
      volume.users.add(user);
      return { kind: 'bind', source: volume.folder, readOnly: false };
    },
    async unmount(name, user) {
      find(name).users.delete(user);
    },
    async usage(name, { signal } = {}) {
      const volume = find(name);
      throwIfAborted(`measure volume "${name}"`, signal);
      return measure(volume.folder);
    },
    async cleanup(users) {
      if (isClosed) throw refusal('unavailable', '', 'the driver has been closed');
      for (const volume of volumes.values()) {
        for (const user of volume.users) if (!users.has(user)) volume.users.delete(user);
      }
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
    },
  };
}

function measure(folder: string): { readonly bytes: number; readonly files: number } {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const sizes = files.map((file) => lstatSync(path.join(folder, file)).size);
  return { bytes: sizes.reduce((sum, size) => sum + size, 0), files: files.length };
}

function refusal(kind: ErrorKind, name: string, found: string): SlipwayError {
  return new SlipwayError({ kind, code: 'MEMORY_VOLUME', message: `volume "${name.slice(0, 140)}": ${found}` });
}
