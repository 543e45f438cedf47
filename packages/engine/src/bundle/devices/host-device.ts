import * as fs from 'node:fs';
import { join } from 'node:path';
import { type DeviceSettings, hasCode, type RuntimeDevice, SlipwayError, wrapError } from '@slipway/plugin-api';
import { checkAbsolutePath } from '../absolute-path.js';
import { invalid, quote } from '../invalid.js';

/** A folder with more is no folder of devices that anybody means. */
const maxDevices = 4096;
const maxDepth = 8;

/**
 * The devices that a setting names, as they are on the host: the source's links are followed, and a folder stands for all devices in it and below,
 * without the links there. Errors: `DEVICE_INVALID`; `not-found` with `DEVICE_NOT_FOUND`; of the file system.
 */
export function devicesOf({ source, target = source }: DeviceSettings): readonly RuntimeDevice[] {
  checkAbsolutePath('DEVICE_INVALID', 'Device', source);
  checkAbsolutePath('DEVICE_INVALID', 'Place of a device in the container', target);
  const real = resolve(source);
  const stat = fs.lstatSync(real);
  if (stat.isDirectory()) {
    const found = devicesBelow(real, target);
    if (found.length === 0) throw invalid('DEVICE_INVALID', `Device folder ${quote(source)} has no devices`);
    return found;
  }
  const device = deviceAt(target, stat);
  if (device !== undefined) return [device];
  throw invalid('DEVICE_INVALID', `${quote(source)} is not a device, expected a character or block device, or a folder of them`, {
    hint: 'files and folders are mounted with --volume or --mount',
  });
}

function resolve(source: string): string {
  try {
    return fs.realpathSync(source);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw wrapError(`Looking for device ${quote(source)}`, error);
    throw new SlipwayError({
      kind: 'not-found',
      code: 'DEVICE_NOT_FOUND',
      message: `Device ${quote(source)} is not on this host`,
      hint: 'check the path; its driver may have to be loaded first',
      cause: error,
    });
  }
}

/** Folders that are the container's own, or only links to what is elsewhere; and the console, which the runtime makes. */
const notTheHosts = ['console', 'fd', 'mqueue', 'pts', 'shm', 'core', 'stdin', 'stdout', 'stderr', 'ptmx'];

/** Every device below /dev, for a privileged container. */
export function allHostDevices(): readonly RuntimeDevice[] {
  return fs
    .readdirSync('/dev', { withFileTypes: true })
    .filter(({ name }) => !notTheHosts.includes(name) && !name.startsWith('.'))
    .flatMap((entry) => {
      const path = join('/dev', entry.name);
      return entry.isDirectory() ? devicesBelow(path, path) : presentDevice(path, path);
    });
}

function devicesBelow(folder: string, target: string): readonly RuntimeDevice[] {
  const found: RuntimeDevice[] = [];
  const visit = (from: string, to: string, depth: number): void => {
    for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
      const [path, place] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isDirectory() && depth < maxDepth) visit(path, place, depth + 1);
      else found.push(...presentDevice(path, place));
      if (found.length > maxDevices)
        throw invalid('DEVICE_INVALID', `Device folder ${quote(folder)} has more than ${maxDevices} devices`);
    }
  };
  visit(folder, target, 1);
  return found;
}

/** None when it is no device, or was unplugged since the folder was read. */
function presentDevice(path: string, target: string): readonly RuntimeDevice[] {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  const device = stat && deviceAt(target, stat);
  return device === undefined ? [] : [device];
}

function deviceAt(path: string, stat: fs.Stats): RuntimeDevice | undefined {
  const type = stat.isCharacterDevice() ? 'c' : stat.isBlockDevice() ? 'b' : undefined;
  if (type === undefined) return undefined;
  return { path, type, ...numbers(stat.rdev), fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
}

/** As makedev(3): 12 bits of major in the middle; minor in two parts around them. */
function numbers(rdev: number): { readonly major: number; readonly minor: number } {
  const device = BigInt(rdev);
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xffff_f000n);
  const minor = (device & 0xffn) | ((device >> 12n) & 0xffff_ff00n);
  return { major: Number(major), minor: Number(minor) };
}
