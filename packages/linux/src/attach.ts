import { cString } from './bytes.js';
import { AT_EMPTY_PATH, AT_FDCWD } from './constants.js';
import { checked } from './errors.js';
import { libc } from './libc.js';
import { MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY } from './mount-flags.js';
import type { Path } from './system.js';

const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
export const AT_RECURSIVE = 0x8000;

export function attachMount(mountFd: number, directory: Path, options: { readonly inert?: boolean } = {}): void {
  if (options.inert === true) setAttributes(mountFd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, directory);
  const result = libc().moveMount(mountFd, cString(''), AT_FDCWD, cString(directory), MOVE_MOUNT_F_EMPTY_PATH);
  checked(result, 'move_mount', directory);
}

export function unmount(directory: Path, options: { readonly detach?: boolean } = {}): void {
  const flags = UMOUNT_NOFOLLOW | (options.detach === true ? MNT_DETACH : 0);
  checked(libc().umount2(cString(directory), flags), 'umount2', directory);
}

export function makeReadOnly(mountFd: number): void {
  setAttributes(mountFd, MOUNT_ATTR_RDONLY, 0, `/proc/self/fd/${mountFd}`, AT_RECURSIVE);
}

export function makeInert(mountFd: number): void {
  setAttributes(mountFd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, `/proc/self/fd/${mountFd}`, AT_RECURSIVE);
}

export function setAttributes(fd: number, attributes: number, propagation: number, path: Path, depth = 0): void {
  // struct mount_attr {attr_set, attr_clr, propagation, userns_fd}.
  const words = Buffer.alloc(32);
  words.writeBigUInt64LE(BigInt(attributes), 0);
  words.writeBigUInt64LE(BigInt(propagation), 16);
  checked(libc().mountSetattr(fd, cString(''), AT_EMPTY_PATH | depth, words, words.length), 'mount_setattr', path);
}
