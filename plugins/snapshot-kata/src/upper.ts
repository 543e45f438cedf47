import { chmodSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import type { BlockMount, LayersUpper, LayerTree, SnapshotUsage } from '@slipway/plugin-api';
import type { TreeJobs } from '@slipway/snapshots';
import { readUsedInodes } from './ext4.js';
import { giveAttributes, type RootAttributes } from './root-attributes.js';
import { madeAt, type Templates } from './templates.js';

/** Where an active snapshot is written to, in its folder. */
export interface Upper {
  /** The file or directory. */
  readonly name: string;
  /** Whether this host has what it is made with. */
  canMake(): boolean;
  make(folder: string, root: RootAttributes | undefined): Promise<void>;
  mount(folder: string): LayersUpper;
  tree(folder: string): LayerTree;
  /** Changes whenever it is mounted to be written, at the latest with the first change. */
  stamp(folder: string): string;
  /** That of most that were just made. */
  readonly freshStamp: string | undefined;
  usage(folder: string, jobs: TreeJobs): Promise<SnapshotUsage>;
  remove(folder: string, jobs: TreeJobs): Promise<void>;
}

/** Of inodes that each has from the start but one: that of the root of what is written. */
const ownInodes = 12;

export function ext4Upper(bytes: number, templates: Templates): Upper {
  const name = 'upper.ext4';
  const mount = (folder: string): BlockMount => ({ kind: 'block', source: join(folder, name), fstype: 'ext4', readOnly: false });
  return {
    name,
    mount,
    tree: (folder) => ({ format: 'ext4', path: join(folder, name) }),
    canMake: () => templates.canMake(bytes),
    async make(folder, root) {
      await templates.clone(bytes, join(folder, name), root);
      // Seldom: extended attributes of the root want a place of their own in it.
      if (root !== undefined && root.xattrs.length > 0) await writeXattrs(mount(folder), root);
    },
    // The file's own time: what the superblock counts is the guest's word.
    stamp: (folder) => String(lstatSync(join(folder, name), { bigint: true }).mtimeNs),
    freshStamp: String(madeAt),
    async usage(folder, jobs) {
      const { bytes } = await jobs.measure(join(folder, name));
      return { bytes, inodes: Math.max(0, usedInodes(join(folder, name)) - ownInodes) };
    },
    async remove(folder) {
      rmSync(join(folder, name), { force: true });
    },
  };
}

async function writeXattrs(mount: BlockMount, root: RootAttributes): Promise<void> {
  const tree = linux.mountUpper(mount);
  try {
    giveAttributes(`/proc/self/fd/${tree}/upper`, root);
  } finally {
    closeSync(tree);
  }
  await using file = await open(mount.source, 'r');
  await file.sync();
}

/** What the guest says; none where it has left no file system. */
function usedInodes(file: string): number {
  const fd = openSync(file, 'r');
  try {
    return readUsedInodes(fd) ?? 0;
  } finally {
    closeSync(fd);
  }
}

export function directoryUpper(): Upper {
  const [upper, work] = ['fs', 'work'] as const;
  return {
    name: upper,
    mount: (folder) => ({ kind: 'directories', upper: join(folder, upper), work: join(folder, work) }),
    tree: (folder) => ({ format: 'overlay', path: join(folder, upper) }),
    canMake: () => true,
    async make(folder, root) {
      mkdirSync(join(folder, work), { mode: 0o700 });
      mkdirSync(join(folder, upper));
      if (root === undefined) chmodSync(join(folder, upper), 0o755);
      else giveAttributes(join(folder, upper), root);
      await using directory = await open(join(folder, upper), 'r');
      await directory.sync();
    },
    stamp: (folder) => String(lstatSync(join(folder, upper), { bigint: true }).ctimeNs),
    freshStamp: undefined,
    usage: (folder, jobs) => jobs.measure(join(folder, upper)),
    async remove(folder, jobs) {
      for (const directory of [upper, work]) await jobs.remove(join(folder, directory));
    },
  };
}

/** The stamp of one that nobody has written to, where it is not {@link Upper.freshStamp}. */
export const stampFile = 'stamp';

export async function noteStamp(upper: Upper, folder: string): Promise<void> {
  const stamp = upper.stamp(folder);
  if (stamp === upper.freshStamp) return;
  await using file = await open(join(folder, stampFile), 'wx', 0o600);
  await file.writeFile(stamp);
  await file.sync();
}

export function isTouched(upper: Upper, folder: string): boolean {
  const noted = join(folder, stampFile);
  return upper.stamp(folder) !== (existsSync(noted) ? readFileSync(noted, 'utf8') : upper.freshStamp);
}
