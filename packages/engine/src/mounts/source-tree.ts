import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { linux, O_PATH } from '@slipway/linux';
import { type BindSettings, hasCode, type Mount, wrapError } from '@slipway/plugin-api';
import { invalidMount, unusableSource } from './invalid-mount.js';

/** A detached tree; its descriptor is the caller's to close. */
export interface SourceTree {
  readonly fd: number;
  readonly kind: 'directory' | 'file';
}

/**
 * The source of a bind mount, opened once: what is at the path later is of no matter. Read-only, it is so with everything mounted below. Errors: BIND_SOURCE_MISSING,
 * BIND_SOURCE_NOT_SHARED, SUBPATH_MISSING.
 */
export function bindTree(mount: BindSettings): SourceTree {
  const { source, target, subpath } = mount;
  if (mount.createSource === true) makeSource(mount);
  const root = openSource(mount);
  try {
    const inside = subpath === undefined ? root : openSubpath(root, source, subpath, target);
    try {
      const propagation = copyPropagation(mount.propagation);
      if (propagation !== 'private') requirePropagation(mount, inside, propagation);
      const { nonRecursive = false, readOnly = false } = mount;
      return { fd: linux.cloneTree(inside, { recursive: !nonRecursive, readOnly, propagation }), kind: kindOf(inside) };
    } finally {
      if (inside !== root) closeSync(inside);
    }
  } catch (error) {
    throw wrapError(`mount ${JSON.stringify(source)} at ${JSON.stringify(target)}`, error);
  } finally {
    closeSync(root);
  }
}

/** Errors: BIND_SOURCE_MISSING. */
export function checkSource(mount: BindSettings): void {
  if (mount.createSource !== true) closeSync(openSource(mount));
}

/** What a volume's driver mounts, or what is at a path in it. Errors: SUBPATH_MISSING. */
export function volumeTree(
  mount: Mount,
  wanted: { readonly target: string; readonly volume: string; readonly subpath: string | undefined; readonly readOnly: boolean },
): SourceTree {
  const { target, volume, subpath, readOnly } = wanted;
  if (subpath === undefined) return { fd: linux.mountDetached([mount], { readOnly }), kind: 'directory' };
  // Linux before 6.15 copies no part of a tree that is attached nowhere: a folder of this host is taken by its path.
  const root = mount.kind === 'bind' ? openSync(mount.source, O_PATH) : linux.mountDetached([mount], { readOnly });
  try {
    const inside = openSubpath(root, volume, subpath, target);
    try {
      const isReadOnly = readOnly || (mount.kind === 'bind' && mount.readOnly);
      return {
        fd: linux.cloneTree(inside, { recursive: false, readOnly: isReadOnly, propagation: 'private' }),
        kind: kindOf(inside),
      };
    } finally {
      closeSync(inside);
    }
  } finally {
    closeSync(root);
  }
}

function makeSource({ source, target }: BindSettings): void {
  try {
    makeFolders(source);
  } catch (error) {
    throw wrapError(`make the source ${JSON.stringify(source)} of the mount at ${JSON.stringify(target)}`, error);
  }
}

/** Node's own `recursive` never ends where a link on the way leads to nothing. */
function makeFolders(folder: string): void {
  try {
    makeFolder(folder);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    makeFolders(path.dirname(folder));
    makeFolder(folder);
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o755 });
  } catch (error) {
    // Also a file, or a link to one: it is there.
    if (!hasCode(error, 'EEXIST')) throw error;
  }
}

function openSource({ source, target }: BindSettings): number {
  try {
    return openSync(source, O_PATH);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR'))
      throw wrapError(`mount ${JSON.stringify(source)} at ${JSON.stringify(target)}`, error);
    throw unusableSource(
      'BIND_SOURCE_MISSING',
      target,
      source,
      'it is not there',
      'make it, or use -v, which makes a missing folder',
      error,
    );
  }
}

/** Links in it are followed within, and lead nowhere else: whoever writes there may be a container (CVE-2017-1002101). */
function openSubpath(root: number, source: string, subpath: string, target: string): number {
  try {
    return linux.openInRoot(root, subpath, O_PATH);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
    throw unusableSource(
      'SUBPATH_MISSING',
      target,
      source,
      `it has no ${JSON.stringify(subpath)}`,
      'make it first: a subpath is not made',
      error,
    );
  }
}

function kindOf(fd: number): SourceTree['kind'] {
  const stat = fstatSync(fd);
  return stat.isDirectory() ? 'directory' : 'file';
}

export function copyPropagation(propagation: BindSettings['propagation']): 'private' | 'slave' | 'shared' {
  if (propagation === undefined) return 'private';
  return propagation.endsWith('shared') ? 'shared' : propagation.endsWith('slave') ? 'slave' : 'private';
}

/** Nothing shows from a mount that is private on this host, and a copy of it would be so in silence. */
function requirePropagation({ source, target, propagation }: BindSettings, fd: number, wanted: 'slave' | 'shared'): void {
  const { mountpoint, options } = mountOf(fd, target);
  if (options.includes('shared:') || (wanted === 'slave' && options.includes('master:'))) return;
  throw unusableSource(
    'BIND_SOURCE_NOT_SHARED',
    target,
    source,
    `${propagation} needs the mount that it is on, ${JSON.stringify(mountpoint)}, to be shared, and it is not`,
    `mount --make-shared ${mountpoint}`,
  );
}

/** proc(5): the numbers of a mount's peer groups stand between its options and a dash. */
function mountOf(fd: number, target: string): { readonly mountpoint: string; readonly options: string } {
  const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [own, , , , mountpoint = '', , ...rest] = line.split(' ');
    if (own === id) return { mountpoint, options: rest.slice(0, rest.indexOf('-')).join(' ') };
  }
  throw invalidMount(target, 'its source is on a mount that this process does not see');
}
