import { fstatSync, ftruncateSync, writeSync } from 'node:fs';
import { blockSize } from '../tar/header.js';

/** Keeps the stream as it comes, for an image that has only the names. */
export class KeptArchive {
  readonly #fd: number;
  /** Where the part of the stream that is being read begins. */
  position = 0;
  size: number;

  constructor(fd: number) {
    this.#fd = fd;
    this.size = fstatSync(fd).size;
  }

  take(chunk: Uint8Array): void {
    this.position = this.size;
    for (let done = 0; done < chunk.length; ) done += writeSync(this.#fd, chunk, done, chunk.length - done, this.position + done);
    this.size += chunk.length;
  }

  /** The device that it becomes has whole blocks. */
  end(): void {
    const rest = this.size % blockSize;
    if (rest === 0) return;
    this.size += blockSize - rest;
    ftruncateSync(this.#fd, this.size);
  }
}
