import { createHash } from 'node:crypto';
import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { linux } from '@slipway/linux';

/** One object of a tree, in a form that compares and prints well. */
export interface Listed {
  readonly type: string;
  /** Octal, without the type. */
  readonly mode: string;
  readonly owner: string;
  /** Nanoseconds. */
  readonly mtime: bigint;
  /** Of a file: its bytes as latin1 when they are few, else length and hash. Of a symbolic link: its target. */
  readonly content?: string;
  readonly device?: bigint;
  /** Values as latin1. */
  readonly xattrs?: Readonly<Record<string, string>>;
  /** Of what has several names in the tree: the first of them. */
  readonly sameAs?: string;
  /** Names that it has anywhere. Only of trees as they lie on disk. */
  readonly links?: bigint;
}

/** By path as latin1, which keeps every byte; the root is `.`. */
export type TreeListing = Readonly<Record<string, Listed>>;

export interface TreeListingOptions {
  /** Also what overlayfs keeps in attributes, and counts of names: for trees that are compared as they lie on disk. */
  readonly raw?: boolean;
}

/** Everything that a tree is: types, attributes to the nanosecond, content, and which names are of one file. */
export function listTree(root: string, { raw = false }: TreeListingOptions = {}): TreeListing {
  const listing: Record<string, Listed> = {};
  const firstNames = new Map<string, string>();
  const visit = (path: Buffer, name: string): void => {
    const stats = lstatSync(path, { bigint: true });
    const xattrs = xattrsOf(path, raw);
    const type = typeOf(stats);
    const inode = `${stats.dev}:${stats.ino}`;
    const sameAs = firstNames.get(inode);
    if (type !== 'directory' && stats.nlink > 1n && sameAs === undefined) firstNames.set(inode, name);
    listing[name] = {
      type,
      mode: (Number(stats.mode) & 0o7777).toString(8),
      owner: `${stats.uid}:${stats.gid}`,
      mtime: stats.mtimeNs,
      ...contentOf(path, type),
      ...(type === 'character' || type === 'block' ? { device: stats.rdev } : {}),
      ...(Object.keys(xattrs).length > 0 ? { xattrs } : {}),
      ...(sameAs === undefined ? {} : { sameAs }),
      ...(raw && type !== 'directory' ? { links: stats.nlink } : {}),
    };
    if (type !== 'directory') return;
    for (const child of readdirSync(path, 'buffer').sort(Buffer.compare)) {
      const text = child.toString('latin1');
      visit(Buffer.concat([path, Buffer.from('/'), child]), name === '.' ? text : `${name}/${text}`);
    }
  };
  visit(Buffer.from(`${root}/.`), '.');
  return listing;
}

function xattrsOf(path: Buffer, raw: boolean): Record<string, string> {
  const xattrs: Record<string, string> = {};
  for (const name of linux.llistxattr(path)) {
    const key = name.toString('latin1');
    if (raw || !key.startsWith('trusted.overlay.')) xattrs[key] = linux.lgetxattr(path, name)?.toString('latin1') ?? '';
  }
  return xattrs;
}

function contentOf(path: Buffer, type: string): { readonly content?: string } {
  if (type === 'symlink') return { content: readlinkSync(path, 'latin1') };
  if (type !== 'file') return {};
  const bytes = readFileSync(path);
  const isShort = bytes.length <= 200;
  return { content: isShort ? bytes.toString('latin1') : `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}` };
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

function typeOf(stats: BigIntStats): string {
  const bits = Number(stats.mode) & 0o170000;
  return types.get(bits) ?? bits.toString(8);
}
