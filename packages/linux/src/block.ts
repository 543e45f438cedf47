import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { BlockMount } from '@slipway/plugin-api';
import { O_CLOEXEC } from './constants.js';
import { copySparse } from './files.js';
import { FsContext } from './fs-context.js';
import { tryLockImage } from './image-lock.js';
import { findLoop, openLoop } from './loop.js';
import { MOUNT_ATTR_RDONLY } from './mount-flags.js';

export function mountBlock({ source, fstype, readOnly }: BlockMount): number {
  if (statSync(source).isBlockDevice()) return mountDevice(source, { fstype, readOnly });
  return mountByLoop(source, { fstype, readOnly, deviceReadOnly: readOnly });
}

/** What a container writes to: by one at a time, or only to be read, also while another writes to it. */
export function mountUpper({ source, fstype, readOnly }: BlockMount): number {
  if (statSync(source).isBlockDevice()) return mountDevice(source, { fstype, readOnly });
  if (!readOnly) return mountByLoop(source, { fstype, readOnly, deviceReadOnly: false, lock: true });
  const fd = openSync(source, constants.O_RDWR | O_CLOEXEC);
  try {
    if (fstype !== 'ext4' || !hasJournal(fd)) return mountByLoop(source, { fstype, readOnly, deviceReadOnly: true });
    // What was written last is in the journal alone. Read without it the tree would be an old one with holes. So it is played back into the image
    // when nobody has it, as the next who writes to it would.
    if (tryLockImage(fd, readerPatienceMs))
      return mountByLoop(`/proc/self/fd/${fd}`, { fstype, readOnly, deviceReadOnly: false });
    return mountOfOther(fd, fstype) ?? mountCopy(fd, source, fstype);
  } finally {
    closeSync(fd);
  }
}

/** A virtual machine has it for long. */
const readerPatienceMs = 100;

/** The same file system once more where this kernel has it: as it is at every moment, and nothing has to be written out before. */
function mountOfOther(file: number, fstype: string): number | undefined {
  const loop = findLoop(file);
  if (loop === undefined) return undefined;
  try {
    // As the other has mounted it, else the kernel would refuse; only the mount is read-only.
    using context = new FsContext(fstype, loop.device);
    return context.mount(MOUNT_ATTR_RDONLY);
  } finally {
    closeSync(loop.fd);
  }
}

interface DeviceOptions {
  readonly fstype: string;
  readonly readOnly: boolean;
}

function mountDevice(device: string, { fstype, readOnly }: DeviceOptions): number {
  using context = new FsContext(fstype, device);
  // Also on the file system: without it a journal would be replayed onto a device that is to stay as it is.
  if (readOnly) context.flag('ro');
  return context.mount(readOnly ? MOUNT_ATTR_RDONLY : 0);
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

const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;

/** Of what a virtual machine has written out, in a file without a name, which goes with the mount. */
function mountCopy(fd: number, source: string, fstype: string): number {
  const copy = openSync(dirname(source), O_TMPFILE | constants.O_RDWR | O_CLOEXEC, 0o600);
  try {
    const { size } = fstatSync(fd);
    ftruncateSync(copy, size);
    copySparse(fd, copy, size);
    return mountByLoop(`/proc/self/fd/${copy}`, { fstype, readOnly: true, deviceReadOnly: false });
  } finally {
    closeSync(copy);
  }
}
