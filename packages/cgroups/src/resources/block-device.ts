import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { SlipwayError, wrapError } from '@slipway/plugin-api';

export interface BlockDevice {
  readonly major: number;
  readonly minor: number;
}

/** Errors: `invalid-argument` when the path leads to no whole disk; of the system call. */
export function readBlockDevice(file: string): BlockDevice {
  const what = `Limits of disk ${JSON.stringify(file)}`;
  if (!path.isAbsolute(file) || file.includes('\0')) throw notDisk(`${what}: not an absolute path`);
  const stat = attempt(what, () => statSync(file));
  if (!stat.isBlockDevice()) throw notDisk(`${what}: not a block device`);
  const device = deviceNumber(stat.rdev);
  // The kernel keeps limits with the queue of a disk, and refuses them for a part of one.
  if (existsSync(`/sys/dev/block/${device.major}:${device.minor}/partition`))
    throw notDisk(`${what}: a partition, and the kernel limits whole disks only`);
  return device;
}

/** As glibc's gnu_dev_major and gnu_dev_minor. In halves, for JavaScript's bit operators have 32 bits. */
function deviceNumber(rdev: number): BlockDevice {
  const low = rdev % 2 ** 32;
  const high = Math.floor(rdev / 2 ** 32);
  return {
    major: ((low >>> 8) & 0xfff) + (high & 0xfffff000),
    minor: (low & 0xff) + ((low >>> 12) & 0xfff00) + (high & 0xfff) * 2 ** 20,
  };
}

function notDisk(message: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'NOT_A_DISK',
    message,
    hint: 'name a disk as lsblk shows it, as in: /dev/sda',
  });
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw wrapError(what, error);
  }
}
