import type { ByteString } from '../bytes.js';
import { direntBytes } from './format.js';

/** One name in a directory, as it is written. */
export interface Dirent {
  readonly name: ByteString;
  readonly nid: number;
  /** The number of its type. */
  readonly type: number;
}

/** How sorted names fall into blocks. */
export interface DirentBlocks {
  /** For each block the number of its first name, and at the end how many names there are. */
  readonly firsts: readonly number[];
  readonly size: number;
}

/** A block has its entries first and their names behind them; a name never goes on in the next block. */
export function packDirents(names: readonly ByteString[], blockBytes: number): DirentBlocks {
  const firsts = [0];
  let used = 0;
  for (let index = 0; index < names.length; index++) {
    const bytes = direntBytes + (names[index]?.length ?? 0);
    if (used + bytes > blockBytes) {
      firsts.push(index);
      used = 0;
    }
    used += bytes;
  }
  const size = (firsts.length - 1) * blockBytes + used;
  firsts.push(names.length);
  return { firsts, size };
}

/** Writes the entries of one block to a buffer of zeros. Inode numbers have 64 bits; ours are below 2 ** 53. */
export function writeDirents(buffer: Buffer, offset: number, entries: readonly Dirent[]): void {
  let at = offset;
  let nameAt = entries.length * direntBytes;
  for (const { name, nid, type } of entries) {
    buffer.writeUInt32LE(nid % 2 ** 32, at);
    buffer.writeUInt32LE(Math.floor(nid / 2 ** 32), at + 4);
    buffer.writeUInt16LE(nameAt, at + 8);
    buffer[at + 10] = type;
    nameAt += buffer.write(name, offset + nameAt, 'latin1');
    at += direntBytes;
  }
}
