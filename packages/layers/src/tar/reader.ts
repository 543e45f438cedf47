import { quote } from '../bytes.js';
import { entryError, layerError } from '../errors.js';
import { defaultLimits, type LayerLimits } from '../limits.js';
import { type DescribedEntry, describeEntry } from './describe.js';
import type { TarSink } from './entry.js';
import { Extensions, isExtensionType } from './extensions.js';
import { blockSize, checksumAgrees, type HeaderFormat, headerFormat, headerPath, isZeroBlock } from './header.js';
import { parseNumber } from './number.js';
import { readOldSparse, SparseMapText, sparseMapProblem } from './sparse.js';

/** What the next bytes of the stream are. */
type State = 'header' | 'extension' | 'old-sparse' | 'sparse-text' | 'data' | 'skip' | 'ended';

/**
 * Reads a tar stream that is pushed in chunks of any size and feeds a sink: v7, ustar, GNU and PAX headers, sparse files
 * expanded. File content is handed on in place, never copied or collected. Once a call has thrown, the reader is spent.
 *
 * Where tar programs differ, it does as Go's archive/tar does, which the engines of this field read layers with.
 */
export class TarReader {
  readonly #sink: TarSink;
  readonly #limits: LayerLimits;
  #state: State = 'header';
  /** A block that the end of a chunk cut. */
  readonly #block = Buffer.alloc(blockSize);
  #blockFill = 0;
  #entries = 0;
  #unpacked = 0;
  #afterZeroBlock = false;
  readonly #extensions: Extensions;
  #current: DescribedEntry | undefined;
  #sparseText: SparseMapText | undefined;
  /** Bytes of the state still to come, and padding behind them. */
  #remaining = 0;
  #padding = 0;
  /** Stored bytes of the file handed on so far, and the pair of its sparse map that comes next. */
  #delivered = 0;
  #pair = 0;
  #pairFill = 0;

  constructor(sink: TarSink, limits: LayerLimits = defaultLimits) {
    this.#sink = sink;
    this.#limits = limits;
    this.#extensions = new Extensions(limits.headerBytes);
  }

  push(data: Uint8Array): void {
    const chunk = Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    let at = 0;
    while (at < chunk.length) {
      switch (this.#state) {
        case 'data':
          at = this.#pushData(chunk, at);
          break;
        case 'skip': {
          const bytes = Math.min(this.#remaining, chunk.length - at);
          at += bytes;
          this.#remaining -= bytes;
          if (this.#remaining === 0) this.#state = 'header';
          break;
        }
        case 'extension':
          at = this.#pushExtension(chunk, at);
          break;
        case 'ended':
          return;
        default:
          at = this.#pushBlock(chunk, at);
      }
    }
  }

  /** The stream is at its end. Throws when that is inside an entry. */
  end(): void {
    const betweenEntries = this.#state === 'skip' || (this.#state === 'header' && this.#blockFill === 0);
    if (this.#state === 'ended' || (betweenEntries && !this.#extensions.isPending)) return;
    const entry = this.#current?.entry.path;
    if (this.#state === 'header' && this.#blockFill > 0)
      throw layerError('LAYER_TRUNCATED', `layer ends inside a header: ${this.#blockFill} of ${blockSize} bytes`);
    if (this.#state === 'data' && entry !== undefined)
      throw entryError('LAYER_TRUNCATED', entry, `the layer ends ${this.#remaining} bytes before the file does`);
    throw layerError(
      'LAYER_TRUNCATED',
      `layer ends inside the header of an entry${entry === undefined ? '' : ` ${quote(entry)}`}`,
    );
  }

  #pushBlock(chunk: Buffer, at: number): number {
    if (this.#blockFill === 0 && chunk.length - at >= blockSize) {
      this.#readBlock(chunk, at);
      return at + blockSize;
    }
    const bytes = Math.min(blockSize - this.#blockFill, chunk.length - at);
    chunk.copy(this.#block, this.#blockFill, at, at + bytes);
    this.#blockFill += bytes;
    if (this.#blockFill === blockSize) {
      this.#blockFill = 0;
      this.#readBlock(this.#block, 0);
    }
    return at + bytes;
  }

  #readBlock(block: Buffer, offset: number): void {
    if (this.#state === 'header') this.#readHeader(block, offset);
    else if (this.#state === 'old-sparse') this.#readOldSparse(block, offset);
    else this.#readSparseText(block, offset);
  }

  #readHeader(block: Buffer, offset: number): void {
    if (block[offset] === 0 && isZeroBlock(block, offset)) {
      if (this.#extensions.isPending) throw layerError('LAYER_HEADER_INVALID', 'an extended header is followed by no entry');
      if (this.#afterZeroBlock) this.#state = 'ended';
      this.#afterZeroBlock = true;
      return;
    }
    if (!checksumAgrees(block, offset)) {
      if (this.#entries === 0)
        throw layerError('LAYER_NOT_TAR', 'layer is not a tar archive: the first header has a wrong checksum');
      const previous = this.#current ? `after ${quote(this.#current.entry.path)}` : `number ${this.#entries + 1}`;
      throw layerError('LAYER_HEADER_INVALID', `layer header ${previous} has a wrong checksum`);
    }
    // What stands between a lone zero block and the end is read by some programs and not by others.
    if (this.#afterZeroBlock) throw layerError('LAYER_HEADER_INVALID', 'an entry follows a lone block of zeros');
    const format = headerFormat(block, offset);
    if (++this.#entries > this.#limits.entries)
      throw layerError(
        'LAYER_TOO_LARGE',
        `layer has more than ${this.#limits.entries} entries, at ${quote(headerPath(block, offset, format))}`,
      );
    const flag = block[offset + 156];
    if (isExtensionType(flag)) this.#startExtension(flag, block, offset, format);
    else this.#startEntry(describeEntry(block, offset, format, this.#extensions.take()));
  }

  #startExtension(type: number, block: Buffer, offset: number, format: HeaderFormat): void {
    const size = this.#extensions.start(type, parseNumber(block, offset + 124, 12), headerPath(block, offset, format));
    this.#padding = padding(size);
    if (size > 0) this.#state = 'extension';
    else this.#extensions.end();
  }

  #pushExtension(chunk: Buffer, at: number): number {
    const end = this.#extensions.push(chunk, at);
    if (this.#extensions.isWhole) {
      this.#extensions.end();
      this.#skip(this.#padding);
    }
    return end;
  }

  #startEntry(described: DescribedEntry): void {
    this.#current = described;
    this.#delivered = 0;
    this.#pair = 0;
    this.#pairFill = 0;
    this.#remaining = described.storedBytes;
    this.#padding = padding(described.storedBytes);
    if (described.sparse?.rest === 'old') {
      this.#state = 'old-sparse';
    } else if (described.sparse?.rest === 'text') {
      this.#sparseText = new SparseMapText();
      this.#state = 'sparse-text';
      if (this.#remaining < blockSize) throw this.#badSparse('has no map');
    } else {
      this.#beginFile(described.sparse?.map);
    }
  }

  #readOldSparse(block: Buffer, offset: number): void {
    const map = this.#current?.sparse?.map ?? [];
    if (!readOldSparse(block, offset, 21, map)) throw this.#badSparse('has a malformed map');
    if (map.length * 12 > this.#limits.headerBytes) throw this.#longSparseMap();
    if (block[offset + 504] === 0) this.#beginFile(map);
  }

  #readSparseText(block: Buffer, offset: number): void {
    const text = this.#sparseText;
    if (!text) return;
    const progress = text.push(block, offset);
    this.#remaining -= blockSize;
    if (text.bytes > this.#limits.headerBytes) throw this.#longSparseMap();
    if (progress === 'invalid' || (progress === 'more' && this.#remaining < blockSize))
      throw this.#badSparse('has a malformed map');
    if (progress === 'more') return;
    this.#sparseText = undefined;
    if (this.#current) this.#current = { ...this.#current, sparse: { map: text.map, rest: 'none' } };
    this.#beginFile(text.map);
  }

  #beginFile(map: readonly number[] | undefined): void {
    const current = this.#current;
    if (!current) return;
    const { entry } = current;
    if (map) {
      const problem = sparseMapProblem(map, entry.size, this.#remaining);
      if (problem !== undefined) throw entryError('LAYER_HEADER_INVALID', entry.path, problem);
    }
    this.#unpacked += this.#remaining;
    if (this.#unpacked > this.#limits.unpackedBytes)
      throw entryError(
        'LAYER_TOO_LARGE',
        entry.path,
        `the layer's files are over the limit of ${this.#limits.unpackedBytes} bytes`,
      );
    this.#sink.entry(entry);
    if (this.#remaining > 0) this.#state = 'data';
    else this.#endFile();
  }

  #pushData(chunk: Buffer, at: number): number {
    const end = at + Math.min(this.#remaining, chunk.length - at);
    const map = this.#current?.sparse?.map;
    if (map) this.#pushSparse(map, chunk, at, end);
    else this.#sink.data(chunk, at, end, this.#delivered);
    this.#delivered += end - at;
    this.#remaining -= end - at;
    if (this.#remaining === 0) this.#endFile();
    return end;
  }

  #pushSparse(map: readonly number[], chunk: Buffer, from: number, end: number): void {
    let at = from;
    while (at < end) {
      const offset = map[this.#pair] ?? 0;
      const length = map[this.#pair + 1] ?? 0;
      const bytes = Math.min(length - this.#pairFill, end - at);
      if (bytes > 0) this.#sink.data(chunk, at, at + bytes, offset + this.#pairFill);
      at += bytes;
      this.#pairFill += bytes;
      if (this.#pairFill === length) {
        this.#pair += 2;
        this.#pairFill = 0;
      }
    }
  }

  #endFile(): void {
    if (this.#current?.entry.type === 'file') this.#sink.fileEnd();
    this.#skip(this.#padding);
  }

  #skip(bytes: number): void {
    this.#remaining = bytes;
    this.#state = bytes > 0 ? 'skip' : 'header';
  }

  #badSparse(problem: string): Error {
    return entryError('LAYER_HEADER_INVALID', this.#current?.entry.path ?? '', `the sparse file ${problem}`);
  }

  #longSparseMap(): Error {
    return entryError(
      'LAYER_TOO_LARGE',
      this.#current?.entry.path ?? '',
      `its sparse map is over the limit of ${this.#limits.headerBytes} bytes`,
    );
  }
}

function padding(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}
