import path from 'node:path';
import type { GenericMount } from '@slipway/plugin-api';
import { invalidOption } from './errors.js';

/** What a volume's files are on. */
export type VolumeBacking =
  | { readonly kind: 'folder' }
  /** A folder of this host that is somebody else's to keep. */
  | { readonly kind: 'bind'; readonly device: string; readonly readOnly: boolean }
  /** In memory, from the first user's mount until the last one's unmount. */
  | { readonly kind: 'tmpfs'; readonly mount: GenericMount };

const known = new Set(['type', 'device', 'o']);

/** Reads the options of docker's local driver, of which this one has `type=tmpfs` and `type=none` with `o=bind`. Errors: `invalid-argument`. */
export function volumeBacking(name: string, options: Readonly<Record<string, string>>): VolumeBacking {
  for (const [key, value] of Object.entries(options)) {
    if (!known.has(key)) {
      throw invalidOption(name, `the option ${JSON.stringify(key)} is not known`, 'the local driver takes type, device and o');
    }
    if (typeof value !== 'string' || value.includes('\0')) throw invalidOption(name, `the option "${key}" is no text`);
  }
  const { type, device, o } = options;
  switch (type) {
    case undefined:
      if (device !== undefined || o !== undefined) {
        throw invalidOption(name, 'the options "device" and "o" need "type", expected type=none or type=tmpfs');
      }
      return { kind: 'folder' };
    case 'none':
      return bind(name, device, o);
    case 'tmpfs':
      if (device !== undefined && device !== 'tmpfs') {
        throw invalidOption(name, `device=${JSON.stringify(device)} with type=tmpfs, expected tmpfs or none given`);
      }
      return { kind: 'tmpfs', mount: tmpfs(name, o) };
    default:
      throw invalidOption(
        name,
        `type=${JSON.stringify(type)}, expected none or tmpfs`,
        'mount another file system on this host, and take its folder: type=none, o=bind, device=FOLDER',
      );
  }
}

function bind(name: string, device: string | undefined, o: string | undefined): VolumeBacking {
  const words = o?.split(',') ?? [];
  if (!words.includes('bind')) throw invalidOption(name, 'type=none without o=bind');
  if (device === undefined || !path.posix.isAbsolute(device) || path.posix.normalize(device) !== device || device === '/') {
    throw invalidOption(
      name,
      `device=${JSON.stringify(device ?? '')} with o=bind, expected the absolute path of a folder, without "..", "//" or a "/" at its end`,
    );
  }
  const wrong = words.find((word) => !['bind', 'ro', 'rw'].includes(word));
  if (wrong !== undefined) throw invalidOption(name, `o has ${JSON.stringify(wrong)}, expected bind, ro or rw`);
  if (new Set(words).size < words.length || (words.includes('ro') && words.includes('rw'))) {
    throw invalidOption(name, `o=${JSON.stringify(o)} says a thing twice`);
  }
  return { kind: 'bind', device, readOnly: words.includes('ro') };
}

/** Values that the kernel takes; a size of 0 is no limit to it, and so is refused. */
const tmpfsValues: Readonly<Record<string, RegExp>> = {
  size: /^(?!0+([kmg%]|$))\d{1,15}[kmg%]?$/i,
  mode: /^[0-7]{1,4}$/,
  uid: /^\d{1,10}$/,
  gid: /^\d{1,10}$/,
  nr_inodes: /^\d{1,15}[kmg]?$/i,
};

const tmpfsFlags = new Set(['ro', 'nosuid', 'nodev', 'noexec']);

function tmpfs(name: string, o: string | undefined): GenericMount {
  const [data, flags]: [Record<string, string>, string[]] = [{}, []];
  for (const word of o === undefined ? [] : o.split(',')) {
    const equals = word.indexOf('=');
    const [key, value] = equals === -1 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
    if (Object.hasOwn(data, key) || flags.includes(key)) throw invalidOption(name, `o has "${key}" twice`);
    if (value === undefined && tmpfsFlags.has(key)) flags.push(key);
    else if (value !== undefined && Object.hasOwn(tmpfsValues, key) && tmpfsValues[key]?.test(value)) data[key] = value;
    else {
      throw invalidOption(
        name,
        `o has ${JSON.stringify(word)}, which is not for a tmpfs`,
        'expected size=100m, mode=1777, uid=1000, gid=1000, nr_inodes=10k, ro, nosuid, nodev or noexec',
      );
    }
  }
  return { kind: 'generic', fstype: 'tmpfs', source: 'tmpfs', flags, data };
}
