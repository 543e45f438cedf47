import { createHash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type ErofsImage, openErofsImage } from '@slipway/layers';
import { linux, splitdev } from '@slipway/linux';

/** One name of a tree, in a form that compares and prints well. */
export interface Item {
  readonly type: string;
  readonly mode: string;
  readonly owner: string;
  readonly mtime: bigint;
  readonly links: number;
  /** Of a file: its length and hash. Of a link: its target. Of a device: its numbers. */
  readonly content?: string;
  /** Values as latin1. */
  readonly xattrs: Readonly<Record<string, string>>;
  /** The first name that the same inode has. */
  readonly sameAs?: string;
}

/** By path as latin1; the root is `.`. */
export type Items = Readonly<Record<string, Item>>;

export function describe(bytes: Uint8Array): string {
  return `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
}

export function join(path: string, name: string): string {
  return path === '.' ? name : `${path}/${name}`;
}

/** What a mount of a tree shows. */
export function listMounted(root: string): Items {
  const items: Record<string, Item> = {};
  const seen = new Map<bigint, string>();
  const visit = (place: Buffer, path: string): void => {
    const stats = lstatSync(place, { bigint: true });
    const type = typeOf(Number(stats.mode));
    const sameAs = type === 'directory' ? undefined : seen.get(stats.ino);
    if (sameAs === undefined) seen.set(stats.ino, path);
    const xattrs: Record<string, string> = {};
    for (const name of linux.llistxattr(place))
      xattrs[name.toString('latin1')] = linux.lgetxattr(place, name)?.toString('latin1') ?? 'none';
    items[path] = {
      type,
      mode: (Number(stats.mode) & 0o7777).toString(8),
      owner: `${stats.uid}:${stats.gid}`,
      mtime: stats.mtimeNs,
      links: Number(stats.nlink),
      ...(type === 'file' ? { content: describe(readFileSync(place)) } : {}),
      ...(type === 'symlink' ? { content: readlinkSync(place, 'latin1') } : {}),
      ...(type === 'character' || type === 'block' ? { content: numbers(splitdev(stats.rdev)) } : {}),
      xattrs,
      ...(sameAs === undefined ? {} : { sameAs }),
    };
    if (type !== 'directory') return;
    for (const child of readdirSync(place, 'buffer').sort(Buffer.compare))
      visit(Buffer.concat([place, Buffer.from('/'), child]), join(path, child.toString('latin1')));
  };
  visit(Buffer.from(`${root}/.`), '.');
  return items;
}

/** What the kernel shows of an image. */
export function listByKernel(image: string, devices: readonly string[] = []): Items {
  const fd = linux.mountDetached([{ kind: 'erofs', source: image, devices }]);
  try {
    return listMounted(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

/** What our own reader says of it; every name is also looked up. */
export function listByReader(image: string, devices: readonly string[] = []): Items {
  const fds = [image, ...devices].map((file) => openSync(file, 'r'));
  try {
    return listImage(openErofsImage(fds[0] ?? -1, { name: image, devices: fds.slice(1) }));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

function listImage(image: ErofsImage): Items {
  const items: Record<string, Item> = {};
  const seen = new Map<number, string>();
  const visit = (nid: number, path: string): void => {
    const stat = image.stat(nid);
    const sameAs = stat.type === 'directory' ? undefined : seen.get(nid);
    if (sameAs === undefined) seen.set(nid, path);
    items[path] = {
      type: stat.type,
      mode: stat.mode.toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      mtime: BigInt(stat.mtimeSeconds) * 1_000_000_000n + BigInt(stat.mtimeNanoseconds),
      links: stat.links,
      ...(stat.type === 'file' ? { content: describe(readAll(image, nid, stat.size)) } : {}),
      ...(stat.type === 'symlink' ? { content: image.readLink(nid) } : {}),
      ...(stat.type === 'character' || stat.type === 'block' ? { content: numbers(stat) } : {}),
      xattrs: Object.fromEntries(image.xattrs(nid).map(({ name, value }) => [name, value.toString('latin1')])),
      ...(sameAs === undefined ? {} : { sameAs }),
    };
    if (stat.type !== 'directory') return;
    for (const entry of image.entries(nid)) {
      const found = image.lookUp(nid, entry.name);
      if (found?.nid !== entry.nid || found.type !== entry.type)
        throw new Error(`${entry.name} is listed, and looked up as ${found?.nid}`);
      visit(entry.nid, join(path, entry.name));
    }
  };
  visit(image.root, '.');
  return items;
}

/** Read in odd pieces, and only where there is data. */
function readAll(image: ErofsImage, nid: number, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (const { position, size: length } of image.extents(nid))
    for (let at = position; at < position + length; at += 5000)
      image.read(nid, bytes.subarray(at, Math.min(at + 5000, position + length)), at);
  return bytes;
}

function numbers({ major, minor }: { readonly major: number; readonly minor: number }): string {
  return `${major}:${minor}`;
}

const types = new Map([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
  [0o010000, 'fifo'],
  [0o020000, 'character'],
  [0o060000, 'block'],
  [0o140000, 'socket'],
]);

function typeOf(mode: number): string {
  return types.get(mode & 0o170000) ?? 'unknown';
}
