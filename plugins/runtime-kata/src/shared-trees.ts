import { closeSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import type { MonitorMount } from '@slipway/monitor';
import { makeMountPoint, type PreparedMounts } from '@slipway/oci-runtime';
import type { CreateRequest, RuntimeMount } from '@slipway/plugin-api';
import type { GuestStorage } from './root-disks.js';

/** The tag of the file system in which a guest finds folders of the host, and where it is mounted there. */
export const shareTag = 'kataShared';
export const shareFolder = '/run/kata-containers/shared';

/** How the guest mounts it. */
export const shareStorage: GuestStorage = {
  driver: 'virtio-fs',
  source: shareTag,
  fstype: 'virtiofs',
  options: [],
  mountPoint: shareFolder,
};

/** A tree of the host that was handed over with the container, and is a source of binds in config.json. */
export interface SharedTree {
  /** As config.json names it. */
  readonly directory: string;
  /** In the guest. */
  readonly guestPath: string;
  /** Where it is attached for virtiofsd. */
  readonly mount: MonitorMount;
}

/** Trees that binds of config.json use; what else was handed over (namespaces) is attached where it was asked for. */
export function sharedTrees(
  attachments: CreateRequest['attachments'] = [],
  mounts: readonly RuntimeMount[],
  folder: string,
): { readonly trees: readonly SharedTree[]; readonly others: readonly MonitorMount[] } {
  const trees: SharedTree[] = [];
  const others: MonitorMount[] = [];
  for (const { fd, directory } of attachments) {
    const binds = mounts.filter(({ type, source }) => type === 'bind' && source === directory);
    if (binds.length === 0) {
      others.push({ fd, directory });
      continue;
    }
    const name = String(trees.length);
    // The guest's kernel has its own rules for them; on this host nothing that a guest has left there is to work.
    linux.makeInert(fd);
    // What the guest's kernel is told to keep read-only it could still write to.
    if (binds.every(({ options = [] }) => options.includes('ro'))) linux.makeReadOnly(fd);
    trees.push({ directory, guestPath: `${shareFolder}/${name}`, mount: { fd, directory: path.join(folder, name) } });
  }
  return { trees, others };
}

/** What is attached for a machine: `trees` in a tree of their own at `folder`, which is all of this host that virtiofsd sees, and `others` where they were asked for. */
export function attachedTrees(folder: string, trees: readonly SharedTree[], others: readonly MonitorMount[]): PreparedMounts {
  for (const mount of others) makeMountPoint(mount);
  if (trees.length === 0) return { mounts: others, [Symbol.dispose]() {} };
  const mounts = trees.map(({ mount }) => mount);
  const root = shareRoot(mounts);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { mounts: [{ fd: root, directory: folder }, ...mounts, ...others], [Symbol.dispose]: () => closeSync(root) };
}

/** A guest has all of the file system that it mounts: in a folder of this host it could make files beside the trees, without end. Here is only what the trees are mounted on, and nobody adds to it. */
function shareRoot(mounts: readonly MonitorMount[]): number {
  const data = { size: '64k', nr_inodes: String(mounts.length + 8), mode: '0700' };
  const flags = ['nosuid', 'nodev', 'noexec'];
  const root = linux.mountDetached([{ kind: 'generic', fstype: 'tmpfs', source: 'slipway-share', flags, data }]);
  try {
    for (const { fd, directory } of mounts)
      makeMountPoint({ fd, directory: `/proc/self/fd/${root}/${path.basename(directory)}` });
    linux.makeReadOnly(root);
    return root;
  } catch (error) {
    closeSync(root);
    throw error;
  }
}
