import type { Listed } from '../../trees/tree-listing.js';
import { defaultMtime, type TarPart, tar } from '../tar-bytes.js';

/** What an object must be. Without `mtime` its time is not looked at: it is of a directory that no layer lists. */
export type Expected = Omit<Listed, 'mtime'> & { readonly mtime?: bigint };

/** Layers on top of {@link baseLayer}, and how they change what is seen. */
export interface LayerCase {
  readonly name: string;
  readonly layers: readonly (Buffer | readonly TarPart[])[];
  /** Names of the base that are there no more, with everything below them. */
  readonly gone?: readonly string[];
  /** What is there beside, or instead. */
  readonly adds?: Readonly<Record<string, Expected>>;
  /** A differ may say that these layers can only be applied in order: their paths or links lead through trees below. */
  readonly needsLower?: boolean;
}

const second = 1_000_000_000n;
const seconds = (count: number): bigint => BigInt(count) * second;

export function file(content = '', rest: Partial<Listed> = {}): Expected {
  return { type: 'file', mode: '644', owner: '0:0', mtime: seconds(defaultMtime), content, ...rest };
}

export function directory(rest: Partial<Listed> = {}): Expected {
  return { type: 'directory', mode: '755', owner: '0:0', mtime: seconds(defaultMtime), ...rest };
}

export function symlink(content: string, rest: Partial<Listed> = {}): Expected {
  return { type: 'symlink', mode: '777', owner: '0:0', mtime: seconds(defaultMtime), content, ...rest };
}

/** A directory that only the path of an entry names. */
export const unlisted: Expected = { type: 'directory', mode: '755', owner: '0:0' };

/**
 * Absolute names and links lead to `/slipway-laws` and names that begin so, which no host has: a differ that follows them out of the root, as
 * root, must not do harm there, and is found out by what it makes.
 */
const baseParts: readonly TarPart[] = [
  { name: './', type: '5', mtime: 50 },
  { name: 'slipway-laws/', type: '5', mtime: 100 },
  { name: 'slipway-laws/passwd', body: 'root', mtime: 101 },
  { name: 'dir/', type: '5', mode: 0o751, uid: 3, gid: 4, mtime: 111, pax: { 'SCHILY.xattr.user.kept': 'yes' } },
  { name: 'dir/low', body: 'low', mtime: 112 },
  { name: 'dir/sub/', type: '5', mode: 0o700, mtime: 113 },
  { name: 'dir/sub/deep', body: 'deep', mtime: 114 },
  { name: 'lnkdir', type: '2', link: 'dir', mtime: 115 },
  { name: 'abs', type: '2', link: '/slipway-laws', mtime: 116 },
  {
    name: 'file',
    body: 'file',
    mode: 0o640,
    uid: 5,
    gid: 6,
    mtime: 117,
    pax: { 'SCHILY.xattr.user.f': Buffer.from([0, 1, 255]) },
  },
  { name: 'keep/', type: '5', mode: 0o750, uid: 7, gid: 8, mtime: 118 },
];

/** The layer below those of most cases. */
export const baseLayer: Buffer = tar(...baseParts);

export const baseTree = {
  '.': directory({ mtime: seconds(50) }),
  'slipway-laws': directory({ mtime: seconds(100) }),
  'slipway-laws/passwd': file('root', { mtime: seconds(101) }),
  dir: directory({ mode: '751', owner: '3:4', mtime: seconds(111), xattrs: { 'user.kept': 'yes' } }),
  'dir/low': file('low', { mtime: seconds(112) }),
  'dir/sub': directory({ mode: '700', mtime: seconds(113) }),
  'dir/sub/deep': file('deep', { mtime: seconds(114) }),
  lnkdir: symlink('dir', { mtime: seconds(115) }),
  abs: symlink('/slipway-laws', { mtime: seconds(116) }),
  file: file('file', { mode: '640', owner: '5:6', mtime: seconds(117), xattrs: { 'user.f': '\0\x01\xff' } }),
  keep: directory({ mode: '750', owner: '7:8', mtime: seconds(118) }),
} as const satisfies Record<string, Expected>;

export function layersOf({ layers }: LayerCase): Buffer[] {
  return [baseLayer, ...layers.map((layer) => (Buffer.isBuffer(layer) ? layer : tar(...(layer as readonly TarPart[]))))];
}

export function expectedTree({ gone = [], adds = {} }: LayerCase): Record<string, Expected> {
  const left = Object.entries(baseTree).filter(([name]) => !gone.some((root) => name === root || name.startsWith(`${root}/`)));
  return { ...Object.fromEntries(left), ...adds };
}
