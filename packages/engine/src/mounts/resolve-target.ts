import { closeSync, constants, fstatSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { linux, O_PATH } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';
import { invalidMount } from './invalid-mount.js';

/** The kernel's own limit (path_resolution(7)) is 40. */
const maxLinks = 40;
/** Names on the way, of all links together. The kernel goes on for a hundred thousand, which an image would have us look at for each of its volumes. */
const maxNames = 1024;

/** What the runtime mounts in the container before anything of ours: no file of the image is seen there. */
export const kernelFolders = ['/proc', '/dev', '/sys'];

/** The files below /proc that runc lets anything be mounted over, for those who show a container its own numbers (lxcfs). */
const allowedInProc = new Set(
  ['cpuinfo', 'diskstats', 'loadavg', 'meminfo', 'slabinfo', 'stat', 'swaps', 'uptime', 'net/dev'].map((name) => `/proc/${name}`),
);

export interface ResolvedTarget {
  /** After all links of the image. */
  readonly path: string;
  /** What the image has there. Undefined when that is nothing, or nothing that is seen. */
  readonly found: 'directory' | 'file' | undefined;
}

/**
 * Where a target really is in the container, as the runtime will find it: links are followed in the container's root and never out of it, and what is missing is made where it
 * is missing. Where another mount goes, it is the runtime's to look on. Errors: MOUNT_INVALID for the root itself and for what is in /proc.
 *
 * @param tree descriptor of the container's root
 * @param covered resolved targets of mounts that come before
 */
export function resolveTarget(tree: number, target: string, covered: readonly string[]): ResolvedTarget {
  const hidden = [...kernelFolders, ...covered];
  const rest = target.split('/').filter((name) => name !== '');
  let [resolved, links, names] = ['/', 0, 0];
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (++names > maxNames)
      throw invalidMount(target, `the way there, with the symbolic links of the image, has more than ${maxNames} names`);
    if (name === '' || name === '.') continue;
    if (name === '..') {
      resolved = path.posix.dirname(resolved);
      continue;
    }
    const link = hidden.some((folder) => isWithin(resolved, folder)) ? undefined : linkAt(tree, resolved, name);
    if (link === undefined) {
      resolved = path.posix.join(resolved, name);
      continue;
    }
    if (++links > maxLinks) throw invalidMount(target, 'too many symbolic links lead there in the image');
    if (link.startsWith('/')) resolved = '/';
    rest.unshift(...link.split('/'));
  }
  checkPlace(target, resolved);
  return { path: resolved, found: hidden.some((folder) => isWithin(resolved, folder)) ? undefined : kindAt(tree, resolved) };
}

/** Errors: MOUNT_INVALID. */
export function checkPlace(target: string, resolved: string): void {
  if (resolved === '/') throw invalidMount(target, "it is the container's root itself, by a symbolic link of the image");
  if (!isWithin(resolved, '/proc') || allowedInProc.has(resolved)) return;
  const where = resolved === target ? '' : ` (it is ${JSON.stringify(resolved)} in the image)`;
  throw invalidMount(
    target,
    `nothing can be mounted over /proc${where}, which says what a container may do`,
    `except over ${[...allowedInProc].join(', ')}`,
  );
}

export function isWithin(file: string, folder: string): boolean {
  return file === folder || file.startsWith(folder === '/' ? '/' : `${folder}/`);
}

/** Text of the link `name` in a folder without links in its path; undefined for anything else, and nothing. */
function linkAt(tree: number, folder: string, name: string): string | undefined {
  const fd = openAt(tree, folder, constants.O_DIRECTORY);
  if (fd === undefined) return undefined;
  try {
    return readlinkSync(`/proc/self/fd/${fd}/${name}`);
  } catch (error) {
    if (hasCode(error, 'EINVAL', 'ENOENT', 'ENAMETOOLONG')) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}

function kindAt(tree: number, file: string): ResolvedTarget['found'] {
  const fd = openAt(tree, file, constants.O_NOFOLLOW);
  if (fd === undefined) return undefined;
  try {
    return fstatSync(fd).isDirectory() ? 'directory' : 'file';
  } finally {
    closeSync(fd);
  }
}

function openAt(tree: number, file: string, flags: number): number | undefined {
  try {
    return linux.openInRoot(tree, file, O_PATH | flags);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP')) return undefined;
    throw error;
  }
}
