import path from 'node:path';
import { linux } from '@slipway/linux';
import type { MonitorMount } from '@slipway/monitor';
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
    // What the guest's kernel is told to keep read-only it could still write to.
    if (binds.every(({ options = [] }) => options.includes('ro'))) linux.makeReadOnly(fd);
    trees.push({ directory, guestPath: `${shareFolder}/${name}`, mount: { fd, directory: path.join(folder, name) } });
  }
  return { trees, others };
}
