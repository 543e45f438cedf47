import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { linux, O_PATH } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';
import type { CopyTree } from './copy-job.js';

/**
 * A descriptor of the root to work in. The tree of a container that does not run is put together in a mount namespace of this thread alone, as its start would do it: it is
 * gone with the thread, however that ends. A mount whose place is not there any more is left out. Close it.
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
  let place: number;
  try {
    place = linux.openInRoot(root, target, O_PATH);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return;
    throw error;
  }
  try {
    if (fstatSync(place).isDirectory() === fstatSync(fd).isDirectory()) linux.attachMount(fd, `/proc/self/fd/${place}`);
  } finally {
    closeSync(place);
  }
}
