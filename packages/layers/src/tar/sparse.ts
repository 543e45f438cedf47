import { blockSize } from './header.js';
import { parseNumber } from './number.js';

/** Where the stored bytes of a sparse file belong: offset, length, offset, length ... in rising order. */
export type SparseMap = readonly number[];

/** Why a map cannot be, or undefined when it can: rising, inside the file, and of exactly the bytes that are stored. */
export function sparseMapProblem(map: SparseMap, size: number, stored: number): string | undefined {
  if (map.length % 2 !== 0) return 'sparse map has an offset without a length';
  let end = 0;
  let sum = 0;
  for (let at = 0; at < map.length; at += 2) {
    const offset = map[at] ?? 0;
    const length = map[at + 1] ?? 0;
    if (offset < end || length < 0) return 'sparse map is not in rising order';
    end = offset + length;
    sum += length;
    if (end > size) return `sparse map reaches ${end}, past the size ${size}`;
  }
  return sum === stored ? undefined : `sparse map has ${sum} bytes, the archive ${stored}`;
}

/** Reads `count` pairs of GNU tar's old form (type S); an empty pair ends the map. False when a number is malformed. */
export function readOldSparse(block: Uint8Array, offset: number, count: number, map: number[]): boolean {
  for (let pair = 0; pair < count; pair++) {
    const at = offset + pair * 24;
    if (block[at] === 0 && block[at + 12] === 0) return true;
    const start = parseNumber(block, at, 12);
    const length = parseNumber(block, at + 12, 12);
    if (start === undefined || length === undefined) return false;
    map.push(start, length);
  }
  return true;
}

/** Version 1.0: a count and then pairs, each a decimal number and a line feed, before the data and padded to a block. */
export class SparseMapText {
  readonly map: number[] = [];
  #count: number | undefined;
  #value = 0;
  #digits = 0;
  /** Bytes of the map so far, with padding. */
  bytes = 0;

  /** Takes the next block. `done` when the map is whole, `more`, or `invalid`. */
  push(block: Uint8Array, offset: number): 'done' | 'more' | 'invalid' {
    this.bytes += blockSize;
    for (let at = offset, end = offset + blockSize; at < end; at++) {
      const byte = block[at] ?? 0;
      if (byte === 0x0a && this.#digits > 0) {
        if (this.#count === undefined) this.#count = this.#value;
        else this.map.push(this.#value);
        this.#value = 0;
        this.#digits = 0;
        if (this.map.length === 2 * this.#count) return 'done';
      } else if (byte >= 0x30 && byte <= 0x39 && this.#digits < 16) {
        this.#value = this.#value * 10 + (byte - 0x30);
        this.#digits++;
      } else {
        return 'invalid';
      }
    }
    return 'more';
  }
}
