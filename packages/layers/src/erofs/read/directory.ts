import type { ByteString } from '../../bytes.js';
import { direntBytes, longestName, typeOfDirent } from '../format.js';
import type { ErofsEntry } from '../types.js';
import type { Content } from './content.js';
import type { ImageBytes } from './image-bytes.js';
import type { ReadInode } from './inode.js';
import { safeNumber } from './superblock.js';

/** One block of a directory: entries, then their names. */
interface Block {
  readonly bytes: Buffer;
  readonly count: number;
}

/** Reads one directory. */
export class DirectoryReader {
  readonly #image: ImageBytes;
  readonly #content: Content;
  readonly #inode: ReadInode;
  readonly #blockBytes: number;

  constructor(image: ImageBytes, content: Content, inode: ReadInode, blockBytes: number) {
    if (inode.type !== 'directory') throw image.invalid(`inode ${inode.nid} is a ${inode.type}, expected a directory`);
    this.#image = image;
    this.#content = content;
    this.#inode = inode;
    this.#blockBytes = blockBytes;
  }

  /** All names but the dots. That they are in order is checked: a look-up depends on it. */
  *entries(): Generator<ErofsEntry> {
    let previous: ByteString | undefined;
    for (let index = 0; index * this.#blockBytes < this.#inode.size; index++) {
      const block = this.#block(index);
      for (let number = 0; number < block.count; number++) {
        const entry = this.#entry(block, number);
        if (previous !== undefined && entry.name <= previous) throw this.#invalid('has names that are not in order');
        previous = entry.name;
        if (entry.name !== '.' && entry.name !== '..') yield entry;
      }
    }
  }

  lookUp(name: ByteString): ErofsEntry | undefined {
    if (name === '.' || name === '..') return undefined;
    const sought = Buffer.from(name, 'latin1');
    let low = 0;
    let high = Math.ceil(this.#inode.size / this.#blockBytes) - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#compare(sought, this.#block(middle), 0) < 0) high = middle - 1;
      else low = middle;
    }
    return high < 0 ? undefined : this.#lookUpIn(this.#block(low), sought);
  }

  #lookUpIn(block: Block, sought: Buffer): ErofsEntry | undefined {
    let low = 0;
    let high = block.count - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const order = this.#compare(sought, block, middle);
      if (order === 0) return this.#entry(block, middle);
      if (order < 0) high = middle - 1;
      else low = middle + 1;
    }
    return undefined;
  }

  #block(index: number): Block {
    const position = index * this.#blockBytes;
    const length = Math.min(this.#blockBytes, this.#inode.size - position);
    if (length < direntBytes) throw this.#invalid(`has a block of ${length} bytes`);
    const bytes = this.#content.metadata(this.#inode, position, length);
    const first = bytes.readUInt16LE(8);
    if (first < direntBytes || first % direntBytes !== 0 || first > length)
      throw this.#invalid(`has a block with names from byte ${first} on`);
    return { bytes, count: first / direntBytes };
  }

  #compare(sought: Buffer, block: Block, number: number): number {
    const [start, end] = this.#nameBounds(block, number);
    return sought.compare(block.bytes, start, end);
  }

  #nameBounds({ bytes, count }: Block, number: number): readonly [number, number] {
    const start = bytes.readUInt16LE(number * direntBytes + 8);
    const isLast = number === count - 1;
    let end = isLast ? bytes.length : bytes.readUInt16LE((number + 1) * direntBytes + 8);
    if (start < count * direntBytes || start >= end || end > bytes.length)
      throw this.#invalid('has a name that is outside of its block');
    // What is left of a block after its last name is zeros.
    const padding = isLast ? bytes.indexOf(0, start) : -1;
    if (padding >= 0) end = padding;
    return [start, end];
  }

  #entry(block: Block, number: number): ErofsEntry {
    const [start, end] = this.#nameBounds(block, number);
    const name = block.bytes.toString('latin1', start, end);
    if (name === '' || name.length > longestName || name.includes('/') || name.includes('\0'))
      throw this.#invalid('has a name that cannot be one');
    const at = number * direntBytes;
    const type = typeOfDirent(block.bytes[at + 10] ?? 0);
    if (!type) throw this.#invalid(`has an entry of type ${block.bytes[at + 10]}`);
    return { name, nid: safeNumber(this.#image, block.bytes.readBigUInt64LE(at), 'the number of an inode'), type };
  }

  #invalid(problem: string): Error {
    return this.#image.invalid(`the directory ${this.#inode.nid} ${problem}`);
  }
}
