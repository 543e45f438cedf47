import { constants } from 'node:fs';
import type { FaultKind } from './fault.ts';

type Faults = (args: readonly unknown[]) => readonly FaultKind[];

const changes: Faults = () => ['ENOSPC', 'EIO'];
const opensOnly: Faults = () => ['EMFILE'];
const writesBytes: Faults = () => ['ENOSPC', 'EIO', 'short'];
const writesWhole: Faults = ([target]) => (typeof target === 'number' ? ['ENOSPC', 'EIO'] : ['ENOSPC', 'EIO', 'EMFILE']);
const changesAndOpens: Faults = () => ['ENOSPC', 'EIO', 'EMFILE'];

/** Opening for writing can also meet a disk that cannot make the file or cut it. */
const opens =
  (flagsAt: number): Faults =>
  (args) => {
    const flags = args[flagsAt];
    const makes =
      typeof flags === 'string'
        ? /[wa]/.test(flags)
        : ((typeof flags === 'number' ? flags : 0) & (constants.O_CREAT | constants.O_TRUNC)) !== 0;
    return makes ? ['ENOSPC', 'EIO', 'EMFILE'] : ['EMFILE'];
  };

/** Of node:fs, by the name without `Sync`: the same for the three forms. */
export const fileCalls: Readonly<Record<string, Faults>> = {
  open: opens(1),
  opendir: opensOnly,
  readdir: opensOnly,
  readFile: ([target]) => (typeof target === 'number' ? [] : ['EMFILE']),
  mkdir: changes,
  mkdtemp: changes,
  rmdir: changes,
  unlink: changes,
  rm: changesAndOpens,
  rename: changes,
  link: changes,
  symlink: changes,
  copyFile: changesAndOpens,
  cp: changesAndOpens,
  write: writesBytes,
  writev: changes,
  writeFile: writesWhole,
  appendFile: writesWhole,
  truncate: changes,
  ftruncate: changes,
  fsync: changes,
  fdatasync: changes,
  chmod: changes,
  fchmod: changes,
  chown: changes,
  fchown: changes,
  lchown: changes,
  utimes: changes,
  futimes: changes,
  lutimes: changes,
};

/** Of fs.promises' FileHandle. */
export const handleCalls: Readonly<Record<string, Faults>> = {
  write: writesBytes,
  writev: changes,
  writeFile: changes,
  appendFile: changes,
  truncate: changes,
  sync: changes,
  datasync: changes,
  chmod: changes,
  chown: changes,
  utimes: changes,
};

/** Of `linux` in packages/linux. */
export const systemCalls: Readonly<Record<string, Faults>> = {
  mknod: changes,
  lutimes: changes,
  lsetxattr: changes,
  lremovexattr: changes,
  openInRoot: opens(2),
  openat: opens(2),
  copyFile: changes,
  copySparse: changes,
  syncfs: changes,
  tryFlock: () => ['EIO'],
  mountDetached: changesAndOpens,
  attachMount: changes,
  unmount: () => ['EIO'],
  openPty: changesAndOpens,
  renameNoReplace: changes,
};
