import { closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import type { BlockMount } from '@slipway/plugin-api';
import { O_CLOEXEC } from './constants.js';
import { tryFlock } from './files.js';
import { FsContext } from './fs-context.js';
import { imageInUse, patienceMs, pause } from './image-lock.js';
import { findLoop, openLoop } from './loop.js';
import { MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY } from './mount-flags.js';
import { checkUpperForm } from './upper-form.js';

export function mountBlock({ source, fstype, readOnly }: BlockMount): number {
  const options = { fstype, readOnly, attributes: readOnly ? MOUNT_ATTR_RDONLY : 0 };
  if (statSync(source).isBlockDevice()) return mountDevice(source, options);
  return mountByLoop(source, { ...options, deviceReadOnly: readOnly });
}

/** Of a file system that a container writes to nothing is executed by itself, but through the overlay over it. */
const upperAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
const lookedAtAttributes = upperAttributes | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;

/** What a container writes to: by one at a time, or only to be read, also while another mount of this host writes to it. */
export function mountUpper({ source, fstype, readOnly }: BlockMount): number {
  const check = (device: string): void => {
    if (fstype === 'ext4') checkUpperForm(device, source);
  };
  const options = { fstype, readOnly, attributes: readOnly ? lookedAtAttributes : upperAttributes, check };
  if (statSync(source).isBlockDevice()) return mountDevice(source, options);
  if (!readOnly) return mountByLoop(source, { ...options, deviceReadOnly: false, lock: true });
  const fd = openSync(source, constants.O_RDWR | O_CLOEXEC);
  try {
    for (const end = Date.now() + patienceMs; ; pause()) {
      if (tryFlock(fd, 'exclusive')) {
        // What was written last is in the journal alone. Read without it the tree would be an old one with holes. So it is played back into the image
        // when nobody has it, as the next who writes to it would.
        const deviceReadOnly = fstype !== 'ext4' || !hasJournal(fd);
        return mountByLoop(`/proc/self/fd/${fd}`, { ...options, deviceReadOnly });
      }
      const mounted = mountOfOther(fd, options);
      if (mounted !== undefined) return mounted;
      if (Date.now() >= end) throw imageInUse(source);
    }
  } finally {
    closeSync(fd);
  }
}

/** The same file system once more where this kernel has it: as it is at every moment, and nothing has to be written out before. */
function mountOfOther(file: number, options: DeviceOptions): number | undefined {
  const loop = findLoop(file);
  if (loop === undefined) return undefined;
  try {
    // As the other has mounted it, else the kernel would refuse; only the mount is read-only.
    return mountDevice(loop.device, { ...options, readOnly: false });
  } catch (error) {
    // The other one only reads, and will let go of the lock in a moment.
    if (error instanceof Error && 'code' in error && error.code === 'EBUSY') return undefined;
    throw error;
  } finally {
    closeSync(loop.fd);
  }
}

interface DeviceOptions {
  readonly fstype: string;
  /** The file system, not only the mount. */
  readonly readOnly: boolean;
  /** Of the mount. */
  readonly attributes: number;
  /** Throws when what is on the device must not be mounted. */
  readonly check?: (device: string) => void;
}

function mountDevice(device: string, { fstype, readOnly, attributes, check }: DeviceOptions): number {
  check?.(device);
  using context = new FsContext(fstype, device);
  // Also on the file system: without it a journal would be replayed onto a device that is to stay as it is.
  if (readOnly) context.flag('ro');
  // Else its superblock says what happens when something is wrong with it, and may say that the host is to panic.
  if (fstype === 'ext4') context.set('errors', 'remount-ro');
  return context.mount(attributes);
}

interface LoopMountOptions extends DeviceOptions {
  readonly deviceReadOnly: boolean;
  readonly lock?: boolean;
}

function mountByLoop(file: string, { deviceReadOnly, lock = false, ...options }: LoopMountOptions): number {
  const loop = openLoop(file, { readOnly: deviceReadOnly, lock });
  try {
    return mountDevice(loop.device, options);
  } finally {
    closeSync(loop.fd);
  }
}

const superblockAt = 1024;
const incompatibleAt = 96;
/** EXT4_FEATURE_INCOMPAT_RECOVER: it is mounted to be written, or was when its machine ended. */
const recover = 4;

function hasJournal(fd: number): boolean {
  const field = Buffer.alloc(4);
  readSync(fd, field, 0, field.length, superblockAt + incompatibleAt);
  return (field.readUInt32LE() & recover) !== 0;
}
