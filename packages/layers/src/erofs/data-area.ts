import type { BlockOutput } from './block-output.js';
import { erofsError } from './errors.js';
import { erofsHole, mostBlocks, roundUp } from './format.js';
import type { TailStore } from './tail-store.js';
import type { ErofsData } from './types.js';

/** What becomes a hole when it is zeros: as large as where layers are unpacked to directories. */
const leastChunkBytes = 1 << 16;
/** A larger file has larger chunks: its map stays under 256 KiB, whatever size a hole claims. */
const mostChunks = 1 << 16;
/** As ext4, where it could be unpacked otherwise. */
const mostFileBytes = 2 ** 44 - 4096;
/** All block maps of an image together: some hundred thousand entries of hostile layers may ask for one each. */
const mostMapBytes = 128 << 20;

const zeros = Buffer.alloc(leastChunkBytes);

interface OpenFile {
  readonly size: number;
  readonly chunkBytes: number;
  readonly start: number;
  /** From here on bytes go to the tail. */
  tailStart: number;
  tail: number | undefined;
  /** Bytes that have come, and how many zeros of them at the end are of this chunk and not written yet. */
  at: number;
  pending: number;
  /** Something of this chunk is written. */
  isDirty: boolean;
  /** Numbers of chunks: first and one past the last, of each hole. */
  readonly holes: number[];
}

/** The part of an image where the bytes of files are, one file after the other, each from a new block on. */
export class DataArea {
  readonly #output: BlockOutput;
  readonly #blockBytes: number;
  readonly #tails: TailStore;
  #mapBytes: number;
  #file: OpenFile | undefined;

  constructor(output: BlockOutput, blockBytes: number, tails: TailStore, mapBytes = 0) {
    this.#output = output;
    this.#blockBytes = blockBytes;
    this.#tails = tails;
    this.#mapBytes = mapBytes;
  }

  /** Bytes of all block maps so far. */
  get mapBytes(): number {
    return this.#mapBytes;
  }

  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  begin(size: number): void {
    if (this.#file) throw new Error('a file is begun before the one before it is ended');
    if (size > mostFileBytes)
      throw erofsError('EROFS_TOO_LARGE', `a file of ${size} bytes is over the limit of ${mostFileBytes} bytes`);
    this.#output.skipTo(roundUp(this.#output.position, this.#blockBytes));
    let chunkBytes = leastChunkBytes;
    while (chunkBytes * mostChunks < size) chunkBytes *= 2;
    const rest = size % this.#blockBytes;
    // More than half a block behind the inode would mostly move the inode after it to the next block: nothing gained.
    const tail = rest > 0 && rest <= this.#blockBytes / 2 ? this.#tails.reserve(rest) : undefined;
    const tailStart = tail === undefined ? size : size - rest;
    const start = this.#output.position / this.#blockBytes;
    this.#file = { size, chunkBytes, start, tailStart, tail, at: 0, pending: 0, isDirty: false, holes: [] };
  }

  write(chunk: Uint8Array, start: number, end: number, position: number): void {
    const file = this.#opened();
    if (position < file.at || position + end - start > file.size)
      throw new Error(`bytes ${position} to ${position + end - start} do not follow in a file of ${file.size} bytes`);
    this.#zeros(file, position - file.at);
    this.#bytes(file, chunk, start, end);
  }

  end(): ErofsData {
    const file = this.#opened();
    this.#zeros(file, file.size - file.at);
    if (file.tail !== undefined && (file.holes.length > 0 || file.pending > 0)) this.#writeTail(file, file.tail);
    this.#endChunk(file, file.pending >= this.#blockBytes);
    this.#file = undefined;
    this.#output.skipTo(roundUp(this.#output.position, this.#blockBytes));
    if (this.#output.position / this.#blockBytes > mostBlocks)
      throw erofsError('EROFS_TOO_LARGE', `the image is larger than its format can be: over ${mostBlocks} blocks`);
    if (file.size === 0) return { kind: 'empty' };
    if (file.holes.length === 0) return { kind: 'flat', start: file.start, size: file.size, tail: file.tail };
    return this.#chunkMap(file);
  }

  #opened(): OpenFile {
    if (!this.#file) throw new Error('no file is begun');
    return this.#file;
  }

  #bytes(file: OpenFile, chunk: Uint8Array, start: number, end: number): void {
    const bodyEnd = Math.min(end, start + Math.max(0, file.tailStart - file.at));
    let run = start;
    for (let at = start; at < bodyEnd; ) {
      const length = Math.min(file.chunkBytes - (file.at % file.chunkBytes), bodyEnd - at);
      if (!file.isDirty && isZero(chunk, at, at + length)) {
        this.#output.write(chunk, run, at);
        file.pending += length;
        run = at + length;
      } else {
        if (file.pending > 0) {
          this.#output.write(chunk, run, at);
          this.#output.skip(file.pending);
          file.pending = 0;
          run = at;
        }
        file.isDirty = true;
      }
      at += length;
      this.#advance(file, length);
    }
    this.#output.write(chunk, run, bodyEnd);
    if (bodyEnd === end || file.tail === undefined) return;
    const tail = this.#tails.bytes(file.tail, file.size - file.tailStart);
    tail.set(chunk.subarray(bodyEnd, end), file.at - file.tailStart);
    file.at += end - bodyEnd;
  }

  /** Zeros that no one writes: a gap may be of terabytes. */
  #zeros(file: OpenFile, length: number): void {
    let rest = Math.min(length, Math.max(0, file.tailStart - file.at));
    // What is left of the length is in the tail, which is zeros from the start.
    const inTail = length - rest;
    while (rest > 0) {
      const inChunk = file.at % file.chunkBytes;
      if (inChunk === 0 && rest >= file.chunkBytes) {
        const chunks = Math.floor(rest / file.chunkBytes);
        addHole(file, file.at / file.chunkBytes, chunks);
        file.at += chunks * file.chunkBytes;
        rest -= chunks * file.chunkBytes;
        continue;
      }
      const piece = Math.min(file.chunkBytes - inChunk, rest);
      if (file.isDirty) this.#output.skip(piece);
      else file.pending += piece;
      rest -= piece;
      this.#advance(file, piece);
    }
    file.at += inTail;
  }

  #advance(file: OpenFile, length: number): void {
    file.at += length;
    if (file.at % file.chunkBytes === 0) this.#endChunk(file, true);
  }

  #endChunk(file: OpenFile, mayBeHole: boolean): void {
    if (file.pending > 0) {
      if (mayBeHole) addHole(file, Math.ceil(file.at / file.chunkBytes) - 1, 1);
      else this.#output.skip(file.pending);
    }
    file.pending = 0;
    file.isDirty = false;
  }

  /** A file with holes has no tail: what was kept is written to a block after all. */
  #writeTail(file: OpenFile, tail: number): void {
    const bytes = Buffer.from(this.#tails.bytes(tail, file.size - file.tailStart));
    this.#tails.release(tail);
    file.at = file.tailStart;
    file.tailStart = file.size;
    file.tail = undefined;
    this.#bytes(file, bytes, 0, bytes.length);
  }

  #chunkMap(file: OpenFile): ErofsData {
    const chunkBlocks = file.chunkBytes / this.#blockBytes;
    const starts = new Uint32Array(Math.ceil(file.size / file.chunkBytes));
    this.#mapBytes += starts.byteLength;
    if (this.#mapBytes > mostMapBytes)
      throw erofsError('EROFS_TOO_LARGE', `the block maps of sparse files are over the limit of ${mostMapBytes} bytes together`);
    let next = file.start;
    let hole = 0;
    for (let chunk = 0; chunk < starts.length; chunk++) {
      while (chunk >= (file.holes[hole + 1] ?? Number.POSITIVE_INFINITY)) hole += 2;
      const isHole = chunk >= (file.holes[hole] ?? Number.POSITIVE_INFINITY);
      starts[chunk] = isHole ? erofsHole : next;
      if (!isHole) next += chunkBlocks;
    }
    return { kind: 'chunks', size: file.size, chunkBits: Math.log2(chunkBlocks), starts };
  }
}

function addHole({ holes }: OpenFile, chunk: number, count: number): void {
  if (holes.at(-1) === chunk) holes[holes.length - 1] = chunk + count;
  else holes.push(chunk, chunk + count);
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] !== 0) return false;
  for (let at = start; at < end; at += leastChunkBytes) {
    const stop = Math.min(at + leastChunkBytes, end);
    if (zeros.compare(bytes, at, stop, 0, stop - at) !== 0) return false;
  }
  return true;
}
