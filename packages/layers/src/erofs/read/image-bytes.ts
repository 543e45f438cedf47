import { fstatSync, readSync } from 'node:fs';
import type { SlipwayError } from '@slipway/plugin-api';
import { fromText, quote } from '../../bytes.js';
import { type ErofsErrorCode, erofsError } from '../errors.js';

const windowBytes = 1 << 14;
const mostWindows = 64;

/** The bytes of an image's metadata, the latest of them kept. */
export class ImageBytes {
  /** What may be read: of the file at first, then what the superblock says. */
  size: number;
  readonly #fd: number;
  readonly #name: string;
  /** By number, the one that was used last at the end. */
  readonly #windows = new Map<number, Buffer>();

  constructor(fd: number, name: string) {
    this.#fd = fd;
    this.#name = name;
    this.size = fstatSync(fd).size;
  }

  /** So many bytes, not copied where they are in one window. `what` they are is for errors. */
  at(offset: number, length: number, what: string): Buffer {
    this.check(offset, length, what);
    const inWindow = offset % windowBytes;
    if (inWindow + length <= windowBytes)
      return this.#window(Math.floor(offset / windowBytes)).subarray(inWindow, inWindow + length);
    const bytes = Buffer.allocUnsafe(length);
    this.read(bytes, offset);
    return bytes;
  }

  check(offset: number, length: number, what: string): void {
    if (offset + length > this.size)
      throw this.invalid(`${what} at ${offset} with ${length} bytes is outside of the image's ${this.size} bytes`);
  }

  /** Past the cache; the range has been checked. */
  read(into: Uint8Array, offset: number): void {
    readWhole(this.#fd, into, offset, () => this.invalid(`it ends before byte ${offset + into.length}`));
  }

  invalid(problem: string): SlipwayError {
    return this.error('EROFS_IMAGE_INVALID', problem);
  }

  error(code: ErofsErrorCode, problem: string): SlipwayError {
    return erofsError(code, `EROFS image ${quote(fromText(this.#name))}: ${problem}`);
  }

  #window(number: number): Buffer {
    const known = this.#windows.get(number);
    if (known) {
      this.#windows.delete(number);
      this.#windows.set(number, known);
      return known;
    }
    const start = number * windowBytes;
    const bytes = Buffer.allocUnsafeSlow(Math.min(windowBytes, this.size - start));
    this.read(bytes, start);
    if (this.#windows.size >= mostWindows)
      for (const oldest of this.#windows.keys()) {
        this.#windows.delete(oldest);
        break;
      }
    this.#windows.set(number, bytes);
    return bytes;
  }
}

/** Fills all of `into` from an offset of a file on. */
export function readWhole(fd: number, into: Uint8Array, offset: number, tooShort: () => Error): void {
  for (let at = 0; at < into.length; ) {
    const read = readSync(fd, into, at, into.length - at, offset + at);
    if (read === 0) throw tooShort();
    at += read;
  }
}
