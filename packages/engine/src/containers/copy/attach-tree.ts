import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import { linux, O_PATH } from '@slipway/linux';
import type { CopyTree } from './copy-job.js';
import { makeFolder, openPlace } from './mount-place.js';

/**
 * A descriptor of the root to work in. The tree of a container that does not run is put together in a mount namespace of this thread alone, as its start would do it: it is
 * gone with the thread, however that ends. A mount whose place is not there, and cannot be made, is left out. Close it.
 */
export function attachTree(tree: CopyTree): number {
  if (tree.kind === 'live' || tree.mounts.length === 0)
    return openSync(`/proc/self/fd/${tree.root}/.`, O_PATH | constants.O_DIRECTORY);
  linux.unshareMounts();
  linux.attachMount(tree.root, tree.place);
  const root = openSync(tree.place, O_PATH | constants.O_DIRECTORY);
  for (const { fd, target } of tree.mounts) mountIn(root, fd, target);
  return root;
}

function mountIn(root: number, fd: number, target: string): void {
  const isDirectory = fstatSync(fd).isDirectory();
  const place = openPlace(root, target) ?? (isDirectory ? makeFolder(root, target) : undefined);
  if (place === undefined) return;
  try {
    if (fstatSync(place).isDirectory() !== isDirectory) return;
    // move_mount(2) follows no link at the end. Nobody else sees this namespace: a path of a file that leads elsewhere by now hides nothing from anyone.
    const link = `/proc/self/fd/${place}`;
    linux.attachMount(fd, isDirectory ? `${link}/.` : readlinkSync(link, 'buffer'));
  } finally {
    closeSync(place);
  }
}
