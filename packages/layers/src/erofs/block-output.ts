import type { Hash } from 'node:crypto';
import { readSync, writeSync } from 'node:fs';

const bufferBytes = 1 << 20;
/** From here on a system call of its own costs less than a copy. */
const directBytes = 1 << 17;
const pageBytes = 4096;

/** Writes a file from a position on, in large pieces. What is skipped stays a hole. */
export class BlockOutput {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafe(bufferBytes);
  #fill = 0;
  /** Of the buffer's first byte. */
  #at: number;
  #hash: Hash | undefined;

  constructor(fd: number, position: number) {
    this.#fd = fd;
    this.#at = position;
  }

  /** Where the next byte goes. */
  get position(): number {
    return this.#at + this.#fill;
  }

  /** From now on all that is written is hashed as well. */
  hashWith(hash: Hash | undefined): void {
    this.flush();
    this.#hash = hash;
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; ) {
      const rest = end - at;
      if (this.#fill === 0 && rest >= directBytes && this.#at % pageBytes === 0) {
        const direct = rest - (rest % pageBytes);
        this.#writeOut(bytes, at, at + direct);
        at += direct;
        continue;
      }
      const length = Math.min(rest, bufferBytes - this.#fill);
      this.#buffer.set(at === 0 && length === bytes.length ? bytes : bytes.subarray(at, at + length), this.#fill);
      this.#took(length);
      at += length;
    }
  }

  /** So many bytes, all zeros to begin with, to be filled in at once. Only for what is smaller than the buffer. */
  space(length: number): { readonly buffer: Buffer; readonly offset: number } {
    if (this.#fill + length > bufferBytes) this.flush();
    const offset = this.#fill;
    this.#buffer.fill(0, offset, offset + length);
    this.#fill += length;
    return { buffer: this.#buffer, offset };
  }

  skip(length: number): void {
    if (length <= bufferBytes - this.#fill) {
      this.#buffer.fill(0, this.#fill, this.#fill + length);
      this.#took(length);
      return;
    }
    this.flush();
    this.#at += length;
  }

  skipTo(position: number): void {
    this.skip(position - this.position);
  }

  /** Fills `into` with what was written before. */
  readBack(into: Uint8Array, position: number): void {
    this.flush();
    for (let at = 0; at < into.length; ) {
      const read = readSync(this.#fd, into, at, into.length - at, position + at);
      if (read === 0) throw new Error('the file being written is shorter than what was written to it');
      at += read;
    }
  }

  flush(): void {
    if (this.#fill === 0) return;
    const length = this.#fill;
    this.#fill = 0;
    this.#writeOut(this.#buffer, 0, length);
  }

  #took(length: number): void {
    this.#fill += length;
    if (this.#fill === bufferBytes) this.flush();
  }

  #writeOut(bytes: Uint8Array, start: number, end: number): void {
    this.#hash?.update(bytes.subarray(start, end));
    for (let at = start; at < end; ) {
      const written = writeSync(this.#fd, bytes, at, end - at, this.#at);
      at += written;
      this.#at += written;
    }
  }
}
