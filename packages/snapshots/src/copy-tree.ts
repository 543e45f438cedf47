import {
  type BigIntStats,
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { linux, O_PATH, splitdev } from '@slipway/linux';
import { copyAttributes } from './attributes.js';
import { Directory } from './tree-walk.js';

/** First names of files with several links, relative to the target, by device and inode. */
type Links = Map<string, Buffer>;

interface Copy {
  readonly target: Directory;
  readonly links: Links;
}

/**
 * Copies everything in the directory `from`, and its attributes, to the directory `to`, which must be empty: types, modes,
 * owners, times to the nanosecond, all extended attributes, links between files, devices, holes. Nothing outside of `to` is ever changed, also
 * when somebody else changes what is in it meanwhile.
 */
export function copyTree(from: string, to: string): void {
  const stats = lstatSync(from, { bigint: true });
  using target = new Directory(to);
  copyDirectory(Buffer.from(from), Buffer.from(to), Buffer.alloc(0), { target, links: new Map() });
  copyAttributes(from, to, stats);
}

function copyDirectory(from: Buffer, to: Buffer, place: Buffer, copy: Copy): void {
  using source = new Directory(from);
  using target = new Directory(to);
  for (const name of source.names()) {
    copyEntry(
      source.path(name),
      target.path(name),
      place.length === 0 ? name : Buffer.concat([place, Buffer.from('/'), name]),
      copy,
    );
  }
}

function copyEntry(from: Buffer, to: Buffer, place: Buffer, copy: Copy): void {
  const stats = lstatSync(from, { bigint: true });
  if (stats.isDirectory()) {
    mkdirSync(to, { mode: 0o700 });
    // A default ACL or setgid bit would be handed on to what is made inside, so attributes come last.
    copyDirectory(from, to, place, copy);
  } else {
    if (stats.nlink > 1n) {
      const key = `${stats.dev}:${stats.ino}`;
      const first = copy.links.get(key);
      if (first !== undefined) {
        linkInside(copy.target, first, to);
        return;
      }
      copy.links.set(key, place);
    }
    makeFile(from, to, stats);
  }
  copyAttributes(from, to, stats);
}

/** Over a folder that has become a link a path would lead to a file of somebody else. */
function linkInside(target: Directory, first: Buffer, to: Buffer): void {
  const slash = first.lastIndexOf('/');
  const folder = linux.openInRoot(target.fd, slash === -1 ? '.' : first.subarray(0, slash), O_PATH | constants.O_DIRECTORY);
  try {
    linkSync(Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), first.subarray(slash + 1)]), to);
  } finally {
    closeSync(folder);
  }
}

function makeFile(from: Buffer, to: Buffer, stats: BigIntStats): void {
  if (stats.isFile()) copyContent(from, to, Number(stats.size));
  else if (stats.isSymbolicLink()) symlinkSync(readlinkSync(from, { encoding: 'buffer' }), to);
  else {
    const { major, minor } = splitdev(stats.rdev);
    linux.mknod(to, Number(stats.mode & BigInt(constants.S_IFMT)) | 0o600, major, minor);
  }
}

function copyContent(from: Buffer, to: Buffer, size: number): void {
  const source = openSync(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NOATIME);
  try {
    const target = openSync(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      linux.copySparse(source, target, size);
      ftruncateSync(target, size);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}
