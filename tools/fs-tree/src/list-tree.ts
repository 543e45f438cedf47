import { createHash } from 'node:crypto';
import { type BigIntStats, closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { byteOrder, escapeBytes, octal, type TreeEntry, type TreeEntryType, withHardLinks } from './entry.ts';
import { readXattrs } from './xattrs.ts';

const SLASH = Buffer.from('/');

/** Every path below `root` and the root itself (as `/`), ordered by the bytes of the paths. Needs root to see all attributes. */
export function listTree(root: string): TreeEntry[] {
  const found: [string, TreeEntry, string][] = [];
  // A busybox has hundreds of names for one file of two megabytes.
  const hashes = new Map<string, string>();
  const walk = (path: Buffer, relative: Buffer): void => {
    const stat = lstatSync(path, { bigint: true });
    const inode = `${stat.dev}:${stat.ino}`;
    if (stat.isFile() && !hashes.has(inode)) hashes.set(inode, hashFile(path));
    found.push([relative.toString('latin1'), entryOf(path, relative, stat, hashes.get(inode)), inode]);
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(path, { encoding: 'buffer' })) {
      walk(Buffer.concat([path, SLASH, name]), Buffer.concat([relative, SLASH, name]));
    }
  };
  walk(Buffer.from(root), Buffer.alloc(0));
  found.sort(([a], [b]) => byteOrder(a, b));
  return withHardLinks(found.map(([, entry, inode]) => [entry, inode] as const));
}

function entryOf(path: Buffer, relative: Buffer, stat: BigIntStats, hash: string | undefined): TreeEntry {
  const type = typeOf(stat);
  return {
    path: relative.length === 0 ? '/' : escapeBytes(relative),
    type,
    mode: octal(Number(stat.mode)),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtimeNs: String(stat.mtimeNs),
    ...(type === 'f' ? { size: Number(stat.size), sha256: hash } : {}),
    ...(type === 'l' ? { link: escapeBytes(readlinkSync(path, { encoding: 'buffer' })) } : {}),
    ...(type === 'c' || type === 'b' ? { device: deviceOf(stat.rdev) } : {}),
    ...xattrsOf(path),
  };
}

function xattrsOf(path: Buffer): Pick<TreeEntry, 'xattrs'> {
  const xattrs = readXattrs(path);
  return xattrs ? { xattrs } : {};
}

function typeOf(stat: BigIntStats): TreeEntryType {
  if (stat.isFile()) return 'f';
  if (stat.isDirectory()) return 'd';
  if (stat.isSymbolicLink()) return 'l';
  if (stat.isCharacterDevice()) return 'c';
  if (stat.isBlockDevice()) return 'b';
  return stat.isFIFO() ? 'p' : 's';
}

/** glibc's split of dev_t. */
function deviceOf(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return `${major}:${minor}`;
}

const chunk = Buffer.alloc(1 << 20);

function hashFile(path: Buffer): string {
  const hash = createHash('sha256');
  const fd = openSync(path, 'r');
  try {
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) hash.update(chunk.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}
