import type { ByteString } from '../bytes.js';
import type { ErofsType } from './types.js';

/** The format on disk (Linux, fs/erofs/erofs_fs.h). All numbers are little-endian. */
export const superblockOffset = 1024;
export const superblockBytes = 128;
export const superblockMagic = 0xe0f5e1e2;
export const deviceSlotBytes = 128;

/** Compatible features: the superblock's block has a CRC-32C; times are of modification. */
export const compatChecksum = 1;
export const compatMtime = 2;
/** Incompatible ones: LZ4 with padding in front (no matter without compression), files in chunks, further devices. */
export const incompatPadding = 1;
export const incompatChunks = 4;
export const incompatDevices = 8;

/** Inode numbers (nid) count in these from the start of the metadata. */
export const slotBytes = 32;
export const compactInodeBytes = 32;
export const extendedInodeBytes = 64;
export const direntBytes = 12;

/** How an inode's data lies: whole blocks; whole blocks and a tail behind the inode; a block address for each chunk. */
export const layoutPlain = 0;
export const layoutInline = 2;
export const layoutChunks = 4;

/** Of a chunk's format: addresses have eight bytes and name a device. */
export const chunkIndexes = 0x20;
export const chunkBitsMask = 0x1f;

/** The block address of a chunk of zeros. */
export const erofsHole = 0xffff_ffff;
export const mostBlocks = 0xffff_fffe;

/** Of names, in directories and of extended attributes. */
export const longestName = 255;
/** PATH_MAX without the NUL. */
export const longestTarget = 4095;

export const typeBits: Readonly<Record<ErofsType, number>> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  character: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
};

/** By their number in directory entries. */
const direntTypes: readonly (ErofsType | undefined)[] = [
  undefined,
  'file',
  'directory',
  'character',
  'block',
  'fifo',
  'socket',
  'symlink',
];

const typesByBits = new Map(Object.entries(typeBits).map(([type, bits]) => [bits, type as ErofsType]));
const direntNumbers = new Map(direntTypes.map((type, number) => [type === undefined ? 0 : typeBits[type], number]));

export function typeOfMode(mode: number): ErofsType | undefined {
  return typesByBits.get(mode & 0o170000);
}

export function typeOfDirent(number: number): ErofsType | undefined {
  return direntTypes[number];
}

export function direntType(mode: number): number {
  return direntNumbers.get(mode & 0o170000) ?? 0;
}

/** A name of an extended attribute, as the format has it: what a number stands for, and the rest. */
export interface XattrName {
  readonly index: number;
  readonly suffix: ByteString;
}

const xattrPrefixes: readonly (readonly [index: number, prefix: string])[] = [
  [1, 'user.'],
  [4, 'trusted.'],
  [6, 'security.'],
];
const xattrNames: readonly (readonly [index: number, name: string])[] = [
  [2, 'system.posix_acl_access'],
  [3, 'system.posix_acl_default'],
];

export function splitXattrName(name: ByteString): XattrName | undefined {
  for (const [index, prefix] of xattrPrefixes)
    if (name.startsWith(prefix)) return name.length > prefix.length ? { index, suffix: name.slice(prefix.length) } : undefined;
  for (const [index, whole] of xattrNames) if (name === whole) return { index, suffix: '' };
  return undefined;
}

export function joinXattrName({ index, suffix }: XattrName): ByteString | undefined {
  for (const [number, prefix] of xattrPrefixes) if (number === index) return suffix === '' ? undefined : prefix + suffix;
  for (const [number, whole] of xattrNames) if (number === index) return suffix === '' ? whole : undefined;
  return undefined;
}

/** Whether the format has room for an extended attribute of this name. Others are not supported by a mount of it. */
export function isErofsXattr(name: ByteString): boolean {
  const split = splitXattrName(name);
  return split !== undefined && split.suffix.length <= longestName;
}

/** The kernel's new_encode_dev. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

export function decodeDevice(device: number): { readonly major: number; readonly minor: number } {
  return { major: (device >>> 8) & 0xfff, minor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
}

export function roundUp(value: number, to: number): number {
  const rest = value % to;
  return rest === 0 ? value : value + to - rest;
}
