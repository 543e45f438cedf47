import { hash } from 'node:crypto';
import { ftruncateSync, readSync, writeSync } from 'node:fs';

const blockBytes = 4096;
const digestBytes = 32;
const digestsInBlock = blockBytes / digestBytes;
const mostSaltBytes = 256;
const pieceBytes = 1 << 20;

export interface VerityOptions {
  /** Of the data, a multiple of 4,096. */
  readonly dataBytes: number;
  /** Where the hash area goes: behind the data in the same file, or another file. */
  readonly hashFd: number;
  /** Where it begins, a multiple of 4,096. */
  readonly hashOffset: number;
  /** Put before every block that is hashed; at most 256 bytes. The same salt gives the same tree. */
  readonly salt: Uint8Array;
  /** 16 bytes that name the hash area. */
  readonly uuid: Uint8Array;
  /** Called now and then; what it throws ends the work. */
  readonly checkpoint?: (() => void) | undefined;
}

export interface VerityTree {
  /** What all of the data hangs on: SHA-256 in hex. */
  readonly rootDigest: string;
  /** One past the end of the hash area. */
  readonly end: number;
}

/** A file's whole blocks, from an offset on. */
interface Area {
  readonly fd: number;
  readonly offset: number;
  readonly blocks: number;
}

/**
 * Writes the hash tree that dm-verity checks every read of a disk with (format 1 of the kernel's device-mapper/verity, SHA-256, blocks of 4 KiB):
 * its superblock, then the levels of the tree, topmost first. Nothing is flushed to disk.
 */
export function writeVerityTree(dataFd: number, options: VerityOptions): VerityTree {
  const { dataBytes, hashFd, hashOffset, salt, checkpoint = () => undefined } = options;
  if (dataBytes === 0 || dataBytes % blockBytes !== 0 || hashOffset % blockBytes !== 0 || salt.length > mostSaltBytes)
    throw new Error(`a hash tree of ${dataBytes} bytes at ${hashOffset} with ${salt.length} bytes of salt cannot be`);
  const data: Area = { fd: dataFd, offset: 0, blocks: dataBytes / blockBytes };
  const levels = placeLevels(hashFd, hashOffset + blockBytes, data.blocks);
  const end = levels.reduce((last, { offset, blocks }) => Math.max(last, offset + blocks * blockBytes), hashOffset + blockBytes);
  ftruncateSync(hashFd, end);
  let below = data;
  for (const level of levels) {
    hashArea(below, level, salt, checkpoint);
    below = level;
  }
  writeAll(hashFd, superblock(options, data.blocks), hashOffset);
  const top = readBlocks(below, 0, 1);
  return { rootDigest: hash('sha256', salted(top, salt), 'hex'), end };
}

/** The lowest level first. Data of one block needs none: its own digest is the root. */
function placeLevels(fd: number, start: number, dataBlocks: number): Area[] {
  const counts: number[] = [];
  for (let blocks = dataBlocks; blocks > 1; ) {
    blocks = Math.ceil(blocks / digestsInBlock);
    counts.push(blocks);
  }
  let offset = start;
  const areas = counts.reverse().map((blocks): Area => {
    const area = { fd, offset, blocks };
    offset += blocks * blockBytes;
    return area;
  });
  return areas.reverse();
}

/** Digests of one area's blocks, to another. */
function hashArea(from: Area, to: Area, salt: Uint8Array, checkpoint: () => void): void {
  const out = Buffer.alloc(Math.min(to.blocks * blockBytes, pieceBytes));
  const block = salted(Buffer.alloc(blockBytes), salt);
  let fill = 0;
  let position = to.offset;
  const step = pieceBytes / blockBytes;
  for (let first = 0; first < from.blocks; first += step) {
    checkpoint();
    const piece = readBlocks(from, first, Math.min(step, from.blocks - first));
    for (let at = 0; at < piece.length; at += blockBytes) {
      if (fill === out.length) {
        writeAll(to.fd, out, position);
        position += fill;
        fill = 0;
      }
      piece.copy(block, salt.length, at, at + blockBytes);
      hash('sha256', block, 'buffer').copy(out, fill);
      fill += digestBytes;
    }
  }
  out.fill(0, fill);
  writeAll(to.fd, out.subarray(0, Math.ceil(fill / blockBytes) * blockBytes), position);
}

function salted(block: Buffer, salt: Uint8Array): Buffer {
  return salt.length === 0 ? block : Buffer.concat([salt, block]);
}

function superblock({ salt, uuid }: VerityOptions, dataBlocks: number): Buffer {
  const bytes = Buffer.alloc(blockBytes);
  bytes.write('verity', 0, 'latin1');
  bytes.writeUInt32LE(1, 8);
  bytes.writeUInt32LE(1, 12);
  bytes.set(uuid, 16);
  bytes.write('sha256', 32, 'latin1');
  bytes.writeUInt32LE(blockBytes, 64);
  bytes.writeUInt32LE(blockBytes, 68);
  bytes.writeBigUInt64LE(BigInt(dataBlocks), 72);
  bytes.writeUInt16LE(salt.length, 80);
  bytes.set(salt, 88);
  return bytes;
}

function readBlocks({ fd, offset }: Area, first: number, count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count * blockBytes);
  for (let at = 0; at < bytes.length; ) {
    const read = readSync(fd, bytes, at, bytes.length - at, offset + first * blockBytes + at);
    if (read === 0) throw new Error('the data is shorter than its hash tree is to be of');
    at += read;
  }
  return bytes;
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}
