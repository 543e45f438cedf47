export { O_CLOEXEC, O_PATH, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC } from './constants.js';
export type { SystemError } from './errors.js';
export { makedev, splitdev } from './files.js';
export { imagesAreFree } from './image-lock.js';
export { linux } from './linux.js';
export type { CloneTreeOptions, HeldPort, LinuxSystem, Path, PortToHold, SocketKind, SpawnOptions } from './system.js';
export { upperForm } from './upper-form.js';
