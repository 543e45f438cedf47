import { attachMount, makeInert, makeReadOnly, unmount } from './attach.js';
import { checked } from './errors.js';
import {
  copyFile,
  copySparse,
  dataRanges,
  isByteLocked,
  lockByte,
  lutimes,
  mknod,
  openat,
  openInRoot,
  renameNoReplace,
  setCloseOnExec,
  statfs,
  syncfs,
  tryFlock,
  unflock,
} from './files.js';
import { mountCheckedUpper } from './layers.js';
import { libc } from './libc.js';
import { cloneTree, mountDetached, unshareMounts } from './mounts.js';
import { createNetworkNamespace, enterNetworkNamespace, holdPort, openSocket } from './networks.js';
import { reap, socketPair, spawnProcess } from './processes.js';
import type { LinuxSystem } from './system.js';
import { isHungUp, makeTerminalRaw, openPty, setTerminalSettings, setTerminalSize, terminalSize } from './terminals.js';
import { fsetxattr, lgetxattr, llistxattr, lremovexattr, lsetxattr } from './xattrs.js';

/** The running kernel. Loads libc's functions on the first call. */
export const linux: LinuxSystem = {
  mknod,
  lutimes,
  lsetxattr,
  fsetxattr,
  llistxattr,
  lgetxattr,
  lremovexattr,
  openInRoot,
  openat,
  copyFile,
  copySparse,
  dataRanges,
  syncfs,
  tryFlock,
  unflock,
  lockByte,
  isByteLocked,
  setCloseOnExec,
  mountDetached,
  mountUpper: mountCheckedUpper,
  cloneTree,
  makeReadOnly,
  makeInert,
  attachMount,
  unmount,
  unshareMounts,
  createNetworkNamespace,
  enterNetworkNamespace,
  openSocket,
  holdPort,
  kill: (pid, signal) => {
    checked(libc().kill(pid, signal), 'kill');
  },
  spawn: spawnProcess,
  reap,
  socketPair,
  terminalSize,
  isHungUp,
  setTerminalSize,
  makeTerminalRaw,
  setTerminalSettings,
  openPty,
  statfs,
  renameNoReplace,
};
