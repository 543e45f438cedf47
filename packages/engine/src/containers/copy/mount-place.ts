import { closeSync, constants, fstatSync, mkdirSync, openSync } from 'node:fs';
import { posix } from 'node:path';
import { linux, O_PATH } from '@slipway/linux';
import { hasCode, type Mount } from '@slipway/plugin-api';
import { isWithin, kernelFolders } from '../../mounts/resolve-target.js';
import type { CopyMount } from './copy-job.js';

/**
 * Makes in a snapshot what is mounted over and is not there: what the first start would make, where there was none. A place within another mount is that one's, and what the
 * runtime itself mounts before hides what would be made below.
 *
 * @param tree descriptor of the same snapshot
 */
export function makeMountPlaces(tree: number, rootfs: readonly Mount[], mounts: readonly CopyMount[]): void {
  const missing = mounts.filter(({ target }) => {
    const isHidden = kernelFolders.some((folder) => isWithin(target, folder));
    if (isHidden || mounts.some((other) => other.target !== target && isWithin(target, other.target))) return false;
    const place = openPlace(tree, target);
    if (place !== undefined) closeSync(place);
    return place === undefined;
  });
  if (missing.length === 0) return;
  const root = linux.mountDetached(rootfs);
  try {
    for (const { fd, target } of missing) {
      const place = fstatSync(fd).isDirectory() ? makeFolder(root, target) : makeFile(root, target);
      if (place !== undefined) closeSync(place);
    }
  } finally {
    closeSync(root);
  }
}

/** Close it. Undefined when nothing is there. */
export function openPlace(root: number, path: string): number | undefined {
  try {
    return linux.openInRoot(root, path, O_PATH);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

/** With those above it. Undefined where nothing can be made: the tree is only read. */
export function makeFolder(root: number, target: string): number | undefined {
  return makeIn(root, target, (place) => mkdirSync(place, 0o755));
}

function makeFile(root: number, target: string): number | undefined {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  return makeIn(root, target, (place) => closeSync(openSync(place, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o755)));
}

function makeIn(root: number, target: string, make: (place: string) => void): number | undefined {
  const folder = posix.dirname(target);
  const parent = openPlace(root, folder) ?? makeFolder(root, folder);
  if (parent === undefined) return undefined;
  try {
    make(`/proc/self/fd/${parent}/${posix.basename(target)}`);
  } catch (error) {
    if (!hasCode(error, 'EROFS', 'EEXIST', 'ENOTDIR')) throw error;
  } finally {
    closeSync(parent);
  }
  return openPlace(root, target);
}
