import { closeSync, constants, fstatSync, lstatSync, readlinkSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { linux, O_PATH } from '@slipway/linux';
import { hasCode, type PathStat, SlipwayError, wrapError } from '@slipway/plugin-api';

/** One name in a directory of the container that is open. */
export interface FoundPath {
  /** Descriptor of the directory. Close it. */
  readonly directory: number;
  /** One byte for each character; `.` for the root. */
  readonly name: string;
  readonly stat: PathStat;
}

const noWay = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'];

/**
 * Where a path of the container leads, resolved in its root by the kernel. The last link is not followed, unless that is wanted or a slash, or `/.`, is behind it.
 * Undefined when nothing is there.
 */
export function findPath(root: number, path: string, followLink: boolean): FoundPath | undefined {
  const clean = posix.normalize(`/${path}`).replace(/(?<=.)\/$/, '');
  const isFolder = /\/\.?$/.test(path);
  const text = followLink || isFolder ? realPath(root, clean) : clean;
  if (text === undefined) return undefined;
  const directory = open(root, posix.dirname(text), constants.O_DIRECTORY);
  if (directory === undefined) return undefined;
  const name = text === '/' ? '.' : Buffer.from(posix.basename(text)).toString('latin1');
  const stat = statAt(root, directory, name);
  if (stat === undefined || (isFolder && stat.kind !== 'directory')) {
    closeSync(directory);
    return undefined;
  }
  return { directory, name, stat };
}

/** What the archive calls it: the last name that was asked for. */
export function archiveName(path: string): string {
  return Buffer.from(posix.basename(posix.normalize(`/${path}`)) || '.').toString('latin1');
}

function open(root: number, path: string, flags: number): number | undefined {
  try {
    return linux.openInRoot(root, path, O_PATH | flags);
  } catch (error) {
    if (hasCode(error, ...noWay)) return undefined;
    throw wrapError(`look for ${JSON.stringify(path)} in the container`, error);
  }
}

/** After all links. */
function realPath(root: number, path: string): string | undefined {
  const fd = open(root, path, 0);
  if (fd === undefined) return undefined;
  try {
    return pathInRoot(root, fd);
  } finally {
    closeSync(fd);
  }
}

function pathInRoot(root: number, fd: number): string {
  const top = readlinkSync(`/proc/self/fd/${root}`);
  const path = readlinkSync(`/proc/self/fd/${fd}`);
  if (top === '/' || path === top) return path === top ? '/' : path;
  // What was moved or removed just now is nowhere.
  return path.startsWith(`${top}/`) ? path.slice(top.length) : path;
}

function statAt(root: number, directory: number, name: string): PathStat | undefined {
  const place = Buffer.from(`/proc/self/fd/${directory}/${name}`, 'latin1');
  try {
    const stats = lstatSync(place);
    const parent = pathInRoot(root, directory);
    const path = name === '.' ? '/' : posix.join(parent, Buffer.from(name, 'latin1').toString());
    return {
      path,
      kind: kindOf(stats),
      mode: stats.mode & 0o7777,
      size: stats.size,
      modifiedAt: stats.mtime.toISOString(),
      ...(stats.isSymbolicLink() ? { linkTarget: readlinkSync(place, 'utf8') } : {}),
    };
  } catch (error) {
    if (hasCode(error, ...noWay)) return undefined;
    throw wrapError(`look at a path of the container`, error);
  }
}

function kindOf(stats: Stats): PathStat['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'other';
}

/** Errors: PATH_NOT_FOUND, NOT_A_DIRECTORY. */
export function requireDirectory(root: number, path: string): void {
  const fd = open(root, path, 0);
  if (fd === undefined) throw pathNotFound(path);
  try {
    if (!fstatSync(fd).isDirectory())
      throw new SlipwayError({
        kind: 'invalid-argument',
        code: 'NOT_A_DIRECTORY',
        message: `${JSON.stringify(path)} in the container is not a directory`,
        hint: 'an archive is unpacked in a directory that is there',
        details: { path },
      });
  } finally {
    closeSync(fd);
  }
}

export function pathNotFound(path: string): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'PATH_NOT_FOUND',
    message: `nothing is at ${JSON.stringify(path)} in the container`,
    hint: 'slipway exec CONTAINER ls shows what is there',
    details: { path },
  });
}
