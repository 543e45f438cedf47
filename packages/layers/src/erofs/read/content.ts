import { chunkBitsMask, chunkIndexes, erofsHole, layoutChunks, layoutInline, roundUp } from '../format.js';
import type { ErofsExtent } from '../types.js';
import { type ImageBytes, readWhole } from './image-bytes.js';
import type { ReadInode } from './inode.js';
import type { Superblock } from './superblock.js';

/** Where the bytes from some position of a file are. */
interface Piece {
  /** 0: the image itself. Undefined: nowhere, they are zeros. */
  readonly device: number | undefined;
  readonly offset: number;
  readonly length: number;
}

/** The content of files, directories and links. */
export class Content {
  readonly #image: ImageBytes;
  readonly #superblock: Superblock;
  readonly #blockBytes: number;
  readonly #devices: readonly number[];

  constructor(image: ImageBytes, superblock: Superblock, devices: readonly number[]) {
    this.#image = image;
    this.#superblock = superblock;
    this.#blockBytes = 2 ** superblock.blockBits;
    this.#devices = devices;
  }

  read(inode: ReadInode, into: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(into.length, inode.size - position));
    for (let at = 0; at < length; ) {
      const piece = this.#pieceAt(inode, position + at);
      const bytes = Math.min(piece.length, length - at);
      this.#readPiece(inode, piece, into.subarray(at, at + bytes));
      at += bytes;
    }
    return length;
  }

  /** Of the image's own bytes, without a copy where that is possible. */
  metadata(inode: ReadInode, position: number, length: number): Buffer {
    const piece = this.#pieceAt(inode, position);
    if (piece.device === 0 && piece.length >= length)
      return this.#image.at(piece.offset, length, `the content of inode ${inode.nid}`);
    const bytes = Buffer.alloc(length);
    this.read(inode, bytes, position);
    return bytes;
  }

  *extents(inode: ReadInode): Generator<ErofsExtent> {
    let start = 0;
    let end = 0;
    for (let position = 0; position < inode.size; ) {
      const { device, length } = this.#pieceAt(inode, position);
      if (device !== undefined) {
        if (position !== end) {
          if (end > start) yield { position: start, size: end - start };
          start = position;
        }
        end = position + length;
      }
      position += length;
    }
    if (end > start) yield { position: start, size: end - start };
  }

  #pieceAt(inode: ReadInode, position: number): Piece {
    const { layout, size, word } = inode;
    if (layout === layoutChunks) return this.#chunkAt(inode, position);
    const tailStart = layout === layoutInline ? (Math.ceil(size / this.#blockBytes) - 1) * this.#blockBytes : size;
    if (position < tailStart) return { device: 0, offset: word * this.#blockBytes + position, length: tailStart - position };
    return { device: 0, offset: inode.xattrStart + inode.xattrBytes + position - tailStart, length: size - position };
  }

  #chunkAt(inode: ReadInode, position: number): Piece {
    const format = inode.word & 0xffff;
    const name = `the block map of inode ${inode.nid}`;
    if ((format & ~(chunkBitsMask | chunkIndexes)) !== 0)
      throw this.#image.error('EROFS_FEATURE_UNSUPPORTED', `${name} has the unknown format 0x${format.toString(16)}`);
    const chunkBytes = this.#blockBytes * 2 ** (format & chunkBitsMask);
    const isIndexed = (format & chunkIndexes) !== 0;
    const unit = isIndexed ? 8 : 4;
    const mapStart = roundUp(inode.xattrStart + inode.xattrBytes, unit);
    // All of it, also when only its beginning is asked for: how long it takes to go through is bounded by the image's size.
    this.#image.check(mapStart, Math.ceil(inode.size / chunkBytes) * unit, name);
    const entry = this.#image.at(mapStart + Math.floor(position / chunkBytes) * unit, unit, name);
    const block = entry.readUInt32LE(unit - 4);
    const inChunk = position % chunkBytes;
    const length = Math.min(chunkBytes - inChunk, inode.size - position);
    if (block === erofsHole) return { device: undefined, offset: 0, length };
    return { device: isIndexed ? this.#deviceOf(entry.readUInt16LE(2)) : 0, offset: block * this.#blockBytes + inChunk, length };
  }

  /** Bits that no device could need mean nothing. */
  #deviceOf(id: number): number {
    let mask = 1;
    while (mask < this.#superblock.devices.length + 1) mask *= 2;
    return id & (mask - 1);
  }

  #readPiece(inode: ReadInode, { device, offset, length }: Piece, into: Uint8Array): void {
    const name = `the content of inode ${inode.nid}`;
    if (device === undefined) into.fill(0);
    else if (device === 0) {
      this.#image.check(offset, into.length, name);
      this.#image.read(into, offset);
    } else this.#readDevice(device, offset, length, into, name);
  }

  #readDevice(device: number, offset: number, length: number, into: Uint8Array, name: string): void {
    const slot = this.#superblock.devices[device - 1];
    if (!slot) throw this.#image.invalid(`${name} is on device ${device}, and there are ${this.#superblock.devices.length}`);
    if (offset + Math.min(length, into.length) > slot.blocks * this.#blockBytes)
      throw this.#image.invalid(`${name} goes over the end of device ${device}`);
    const fd = this.#devices[device - 1];
    if (fd === undefined) throw this.#image.error('EROFS_DEVICE_MISSING', `${name} is on device ${device}, which was not given`);
    readWhole(fd, into, offset, () => this.#image.invalid(`device ${device} ends before byte ${offset + into.length}`));
  }
}
