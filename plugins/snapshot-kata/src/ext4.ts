import { readSync, writeSync } from 'node:fs';
import type { RootAttributes } from './root-attributes.js';

/** Offsets in the superblock, which begins 1 KiB into the file (Linux' Documentation/filesystems/ext4). */
const superblockAt = 1024;
const field = { inodes: 0, freeInodes: 16, magic: 56 } as const;
const magic = 0xef53;

/** Undefined when it is none. */
export function readUsedInodes(fd: number): number | undefined {
  const block = Buffer.alloc(64);
  if (readSync(fd, block, 0, block.length, superblockAt) !== block.length || block.readUInt16LE(field.magic) !== magic)
    return undefined;
  return block.readUInt32LE(field.inodes) - block.readUInt32LE(field.freeInodes);
}

const inode = { mode: 0, uid: 2, gid: 24, uidHigh: 120, gidHigh: 122 } as const;
/** Seconds, and above them two more bits of the seconds with the nanoseconds. Changed, read, written. */
const times: readonly (readonly [seconds: number, extra: number])[] = [
  [12, 132],
  [8, 140],
  [16, 136],
];
const permissions = 0o7777;
const inodeBytes = 160;

/** Of a file system without checksums of its metadata: owner, mode and times of an inode that nobody has in use, without a mount. */
export function writeInode(fd: number, at: number, attributes: Omit<RootAttributes, 'xattrs'>): void {
  const { mode, uid, gid, mtimeSeconds, mtimeNanoseconds } = attributes;
  const bytes = Buffer.alloc(inodeBytes);
  readSync(fd, bytes, 0, bytes.length, at);
  bytes.writeUInt16LE((bytes.readUInt16LE(inode.mode) & ~permissions) | (mode & permissions), inode.mode);
  bytes.writeUInt16LE(uid & 0xffff, inode.uid);
  bytes.writeUInt16LE(uid >>> 16, inode.uidHigh);
  bytes.writeUInt16LE(gid & 0xffff, inode.gid);
  bytes.writeUInt16LE(gid >>> 16, inode.gidHigh);
  const low = Number(BigInt.asIntN(32, BigInt(mtimeSeconds)));
  const epoch = ((mtimeSeconds - low) / 2 ** 32) & 3;
  for (const [seconds, extra] of times) {
    bytes.writeInt32LE(low, seconds);
    bytes.writeUInt32LE(((mtimeNanoseconds << 2) | epoch) >>> 0, extra);
  }
  writeSync(fd, bytes, 0, bytes.length, at);
}

/** Where an inode is, by the descriptor of its group, which is the first: inodes 11 and on of a new file system. */
export function inodePlace(fd: number, { number, blockBytes, inodeSize }: InodeOf): number {
  const descriptor = Buffer.alloc(64);
  // Group descriptors begin in the block after the superblock's.
  readSync(fd, descriptor, 0, descriptor.length, blockBytes);
  const table = descriptor.readUInt32LE(8) + descriptor.readUInt32LE(40) * 2 ** 32;
  return table * blockBytes + (number - 1) * inodeSize;
}

export interface InodeOf {
  readonly number: number;
  readonly blockBytes: number;
  readonly inodeSize: number;
}
