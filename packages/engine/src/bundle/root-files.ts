import * as fs from 'node:fs';
import { constants } from 'node:fs';
import { type LinuxSystem, O_PATH } from '@slipway/linux';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';
import { invalid, quote } from './invalid.js';

/** Looks into the mounted tree of an image, or of a container that runs. Every path is resolved as the container would: links and `..` never leave the tree. */
export interface RootFiles {
  /** What people call the tree: `the image`, `container "web"`. */
  readonly name: string;
  /** Undefined when nothing is there, or the way to it is no way (a file among its folders, a loop of links). */
  find(path: string, options?: { readonly followLast?: boolean | undefined }): FoundFile | undefined;
  /**
   * The whole content. Undefined when nothing is there. Devices and FIFOs are refused without being opened.
   * Errors: `ROOT_FILE_INVALID` (not a regular file, or more than `limit` bytes).
   */
  readFile(path: string, limit: number): Buffer | undefined;
}

export interface FoundFile {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits. */
  readonly mode: number;
  /** Where it really is in the tree, after all links. */
  readonly path: string;
}

const noWay = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'];

/** Over a descriptor of the tree's root, which stays the caller's. */
export function rootFiles(linux: LinuxSystem, rootFd: number, name = 'the image'): RootFiles {
  const open = (path: string, flags: number): number | undefined => {
    try {
      return linux.openInRoot(rootFd, path, O_PATH | flags);
    } catch (error) {
      if (hasCode(error, ...noWay)) return undefined;
      throw wrapError(`Looking for ${quote(path)} in ${name}`, error);
    }
  };
  return {
    name,
    find(path, options) {
      const fd = open(path, options?.followLast === false ? constants.O_NOFOLLOW : 0);
      if (fd === undefined) return undefined;
      try {
        const stat = fs.fstatSync(fd);
        return { kind: kindOf(stat), mode: stat.mode & 0o7777, path: pathInRoot(rootFd, fd) };
      } finally {
        fs.closeSync(fd);
      }
    },
    readFile(path, limit) {
      const fd = open(path, 0);
      if (fd === undefined) return undefined;
      try {
        const kind = kindOf(fs.fstatSync(fd));
        if (kind !== 'file')
          throw wrongFile(name, path, kind === 'directory' ? 'a directory' : 'a device, FIFO or socket', 'a regular file');
        return readBounded(fd, name, path, limit);
      } catch (error) {
        throw wrapError(`Reading ${quote(path)} of ${name}`, error);
      } finally {
        fs.closeSync(fd);
      }
    },
  };
}

/** `pathFd` was opened with O_PATH, which opens no device; only now, known to be a regular file, it is opened for reading. */
function readBounded(pathFd: number, name: string, path: string, limit: number): Buffer {
  const fd = fs.openSync(`/proc/self/fd/${pathFd}`, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const size = fs.fstatSync(fd).size;
    const buffer = Buffer.alloc(Math.min(size, limit) + 1);
    let length = 0;
    while (length < buffer.length) {
      const read = fs.readSync(fd, buffer, length, buffer.length - length, length);
      if (read === 0) return buffer.subarray(0, length);
      length += read;
    }
    throw wrongFile(name, path, `${size} bytes long`, `at most ${limit} bytes`);
  } finally {
    fs.closeSync(fd);
  }
}

function wrongFile(name: string, path: string, found: string, expected: string): SlipwayError {
  return invalid('ROOT_FILE_INVALID', `${quote(path)} of ${name} is ${found}, expected ${expected}`, {
    hint: 'the image is broken, and its maker must push it again; or a container has put something else there',
    details: { path },
  });
}

function kindOf(stat: fs.Stats): FoundFile['kind'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  return stat.isSymbolicLink() ? 'symlink' : 'other';
}

/** The root of a tree that is mounted nowhere reads as `/`, that of a plain directory as its path. */
function pathInRoot(rootFd: number, fd: number): string {
  const root = fs.readlinkSync(`/proc/self/fd/${rootFd}`);
  const path = fs.readlinkSync(`/proc/self/fd/${fd}`);
  if (root === '/') return path;
  if (path === root) return '/';
  if (path.startsWith(`${root}/`)) return path.slice(root.length);
  throw new SlipwayError({
    kind: 'internal',
    code: 'ROOT_ESCAPED',
    message: `Looking into an image's tree at ${quote(root)} led to ${quote(path)}`,
  });
}
