import {
  compactInodeBytes,
  decodeDevice,
  extendedInodeBytes,
  layoutChunks,
  layoutInline,
  layoutPlain,
  longestTarget,
  slotBytes,
  typeOfMode,
} from '../format.js';
import type { ErofsNid, ErofsStat } from '../types.js';
import type { ImageBytes } from './image-bytes.js';
import { type Superblock, safeNumber } from './superblock.js';

/** An inode, and where the rest of it is. */
export interface ReadInode extends ErofsStat {
  readonly layout: number;
  /** Where the extended attributes are, and after them the tail or the map of the chunks. */
  readonly xattrStart: number;
  readonly xattrBytes: number;
  /** Block address, or the form of the chunks. */
  readonly word: number;
}

const knownFormat = 0x0f;

export function readInode(image: ImageBytes, superblock: Superblock, nid: ErofsNid): ReadInode {
  const offset = superblock.metadataStart + nid * slotBytes;
  const name = `inode ${nid}`;
  if (!Number.isSafeInteger(offset)) throw image.invalid(`${name} is out of all bounds`);
  const format = image.at(offset, compactInodeBytes, name).readUInt16LE(0);
  if ((format & ~knownFormat) !== 0)
    throw image.error('EROFS_FEATURE_UNSUPPORTED', `${name} has the unknown format 0x${format.toString(16)}`);
  const layout = format >> 1;
  if (layout !== layoutPlain && layout !== layoutInline && layout !== layoutChunks)
    throw image.error(
      'EROFS_FEATURE_UNSUPPORTED',
      `${name} has data in layout ${layout}: it is compressed, or of a later version`,
    );
  const isExtended = (format & 1) === 1;
  const headBytes = isExtended ? extendedInodeBytes : compactInodeBytes;
  const bytes = image.at(offset, headBytes, name);
  const mode = bytes.readUInt16LE(4);
  const type = typeOfMode(mode);
  if (!type) throw image.invalid(`${name} has the mode 0${mode.toString(8)}, which is of no type`);
  const word = bytes.readUInt32LE(16);
  const units = bytes.readUInt16LE(2);
  const inode: ReadInode = {
    nid,
    type,
    layout,
    word,
    mode: mode & 0o7777,
    xattrStart: offset + headBytes,
    xattrBytes: units === 0 ? 0 : 12 + 4 * (units - 1),
    ...(type === 'character' || type === 'block' ? decodeDevice(word) : { major: 0, minor: 0 }),
    ...(isExtended ? extendedFields(image, bytes, name) : compactFields(bytes, superblock)),
  };
  check(image, superblock, inode, name);
  return inode;
}

function extendedFields(image: ImageBytes, bytes: Buffer, name: string) {
  return {
    size: safeNumber(image, bytes.readBigUInt64LE(8), `the size of ${name}`),
    uid: bytes.readUInt32LE(24),
    gid: bytes.readUInt32LE(28),
    mtimeSeconds: safeNumber(image, bytes.readBigInt64LE(32), `the time of ${name}`),
    mtimeNanoseconds: bytes.readUInt32LE(40),
    links: bytes.readUInt32LE(44),
  };
}

function compactFields(bytes: Buffer, superblock: Superblock) {
  return {
    size: bytes.readUInt32LE(8),
    uid: bytes.readUInt16LE(24),
    gid: bytes.readUInt16LE(26),
    mtimeSeconds: superblock.epoch + bytes.readUInt32LE(12),
    mtimeNanoseconds: superblock.nanoseconds,
    links: bytes.readUInt16LE(6),
  };
}

/** Sizes say how much is read: they are within the image, before anything is. */
function check(image: ImageBytes, superblock: Superblock, inode: ReadInode, name: string): void {
  const { type, layout, size, word, xattrStart, xattrBytes } = inode;
  image.check(xattrStart, xattrBytes, `the extended attributes of ${name}`);
  if (inode.mtimeNanoseconds >= 1e9) throw image.invalid(`${name} has a time with ${inode.mtimeNanoseconds} nanoseconds`);
  if (type === 'symlink' && (size === 0 || size > longestTarget))
    throw image.invalid(`the link ${name} has ${size} bytes, expected 1 to ${longestTarget}`);
  if (type !== 'file' && type !== 'directory' && type !== 'symlink') return;
  const blockBytes = 2 ** superblock.blockBits;
  if (type === 'directory' && size > image.size) throw image.invalid(`the directory ${name} is larger than the image`);
  if (layout === layoutChunks) return;
  const rest = layout === layoutInline ? size - Math.max(0, Math.ceil(size / blockBytes) - 1) * blockBytes : 0;
  if (size > rest) image.check(word * blockBytes, size - rest, `the content of ${name}`);
  if (rest === 0) return;
  const tail = xattrStart + xattrBytes;
  if ((tail % blockBytes) + rest > blockBytes) throw image.invalid(`the tail of ${name} goes over the end of its block`);
  image.check(tail, rest, `the tail of ${name}`);
}
