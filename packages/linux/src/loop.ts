import { closeSync, constants, existsSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { O_CLOEXEC } from './constants.js';
import { checked, errnoName, systemError } from './errors.js';
import { makedev, splitdev } from './files.js';
import { lockImage } from './image-lock.js';
import { libc } from './libc.js';

const LOOP_CTL_GET_FREE = 0x4c82;
const LOOP_CONFIGURE = 0x4c0a;
const LOOP_GET_STATUS64 = 0x4c05;
const LO_FLAGS_READ_ONLY = 1;
const LO_FLAGS_AUTOCLEAR = 4;

export interface LoopOptions {
  readonly readOnly: boolean;
  /** Holds an exclusive flock(2) of the file for as long as the device is there. Errors: {@link imageInUse}. */
  readonly lock?: boolean;
}

/**
 * A loop device over a file, for as long as the returned descriptor or a mount of the device is open: it clears itself
 * after that, so a crash leaves none behind.
 */
export function openLoop(
  file: string,
  { readOnly, lock = false }: LoopOptions,
): { readonly fd: number; readonly device: string } {
  const access = (readOnly ? constants.O_RDONLY : constants.O_RDWR) | O_CLOEXEC;
  const backing = openSync(file, access);
  try {
    // The lock belongs to the open file, which the device has from now on.
    if (lock) lockImage(backing, file);
    const control = openSync('/dev/loop-control', constants.O_RDWR | O_CLOEXEC);
    try {
      for (let attempt = 0; ; attempt++) {
        const device = `/dev/loop${checked(libc().ioctlNumber(control, LOOP_CTL_GET_FREE, 0), 'ioctl', '/dev/loop-control')}`;
        const fd = openSync(device, access);
        if (libc().ioctl(fd, LOOP_CONFIGURE, loopConfig(backing, readOnly)) === 0) return { fd, device };
        const errno = libc().errno();
        closeSync(fd);
        // Another process took the free device between the two calls.
        if (errnoName(errno) !== 'EBUSY' || attempt === 100) throw systemError(errno, 'ioctl', device);
      }
    } finally {
      closeSync(control);
    }
  } finally {
    closeSync(backing);
  }
}

/** The loop device that has this file already, to write to it, held by the descriptor. */
export function findLoop(backing: number): { readonly fd: number; readonly device: string } | undefined {
  const { dev, ino } = fstatSync(backing, { bigint: true });
  const { major, minor } = splitdev(dev);
  for (const name of readdirSync('/sys/block')) {
    if (!name.startsWith('loop') || !existsSync(`/sys/block/${name}/loop`)) continue;
    const device = `/dev/${name}`;
    const fd = openSync(device, constants.O_RDONLY | O_CLOEXEC);
    // struct loop_info64: lo_device as the kernel encodes it for all, lo_inode, at 52 lo_flags.
    const info = Buffer.alloc(232);
    const isKnown = libc().ioctl(fd, LOOP_GET_STATUS64, info) === 0;
    const isWritten = (info.readUInt32LE(52) & LO_FLAGS_READ_ONLY) === 0;
    const isIt = isKnown && info.readBigUInt64LE(0) === makedev(major, minor) && info.readBigUInt64LE(8) === ino;
    if (isIt && isWritten) return { fd, device };
    closeSync(fd);
  }
  return undefined;
}

/** struct loop_config: fd, block_size, struct loop_info64 (lo_flags at 52), 64 reserved bytes. */
function loopConfig(backing: number, readOnly: boolean): Buffer {
  const config = Buffer.alloc(304);
  config.writeUInt32LE(backing, 0);
  config.writeUInt32LE(LO_FLAGS_AUTOCLEAR | (readOnly ? LO_FLAGS_READ_ONLY : 0), 8 + 52);
  return config;
}
