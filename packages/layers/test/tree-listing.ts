import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { linux } from '@slipway/linux';

/** One object of a tree, in a form that compares and prints well. */
export interface Listed {
  readonly type: string;
  readonly mode: string;
  readonly owner: string;
  readonly mtimeNs: bigint;
  readonly content?: string;
  readonly device?: bigint;
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** By path as latin1 text; the root is `.`. */
export type Listing = Readonly<Record<string, Listed>>;

export function list(root: string): Listing {
  const listing: Record<string, Listed> = {};
  const visit = (path: Buffer, name: string): void => {
    const stats = lstatSync(path, { bigint: true });
    const type = typeName(Number(stats.mode) & 0o170000);
    const xattrs: Record<string, string> = {};
    for (const xattr of linux.llistxattr(path)) {
      const key = xattr.toString('latin1');
      if (!key.startsWith('trusted.overlay.')) xattrs[key] = linux.lgetxattr(path, xattr)?.toString('latin1') ?? '';
    }
    listing[name] = {
      type,
      mode: (Number(stats.mode) & 0o7777).toString(8),
      owner: `${stats.uid}:${stats.gid}`,
      mtimeNs: stats.mtimeNs,
      ...(type === 'file' ? { content: contentOf(readFileSync(path)) } : {}),
      ...(type === 'symlink' ? { content: readlinkSync(path, 'latin1') } : {}),
      ...(type === 'character' || type === 'block' ? { device: stats.rdev } : {}),
      ...(Object.keys(xattrs).length > 0 ? { xattrs } : {}),
    };
    if (type !== 'directory') return;
    for (const child of readdirSync(path, 'buffer').sort(Buffer.compare))
      visit(
        Buffer.concat([path, Buffer.from('/'), child]),
        name === '.' ? child.toString('latin1') : `${name}/${child.toString('latin1')}`,
      );
  };
  visit(Buffer.from(root), '.');
  return listing;
}

export function names(listing: Listing): string[] {
  return Object.keys(listing).filter((name) => name !== '.');
}

function contentOf(bytes: Buffer): string {
  return bytes.length <= 200 ? bytes.toString('latin1') : `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
}

const typeNames = new Map([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
  [0o010000, 'fifo'],
  [0o020000, 'character'],
  [0o060000, 'block'],
  [0o140000, 'socket'],
]);

function typeName(bits: number): string {
  return typeNames.get(bits) ?? bits.toString(8);
}

/** The paths of each inode that has several, as latin1 text. */
export function hardLinks(root: string): string[][] {
  const groups = new Map<string, string[]>();
  const visit = (path: Buffer, name: string): void => {
    for (const child of readdirSync(path, 'buffer').sort(Buffer.compare)) {
      const childPath = Buffer.concat([path, Buffer.from('/'), child]);
      const childName = name === '' ? child.toString('latin1') : `${name}/${child.toString('latin1')}`;
      const stats = lstatSync(childPath, { bigint: true });
      if (stats.isDirectory()) visit(childPath, childName);
      else {
        // Inodes of several images may have one number.
        const inode = `${stats.dev}:${stats.ino}`;
        groups.set(inode, [...(groups.get(inode) ?? []), childName]);
      }
    }
  };
  visit(Buffer.from(root), '');
  return [...groups.values()].filter((paths) => paths.length > 1);
}
