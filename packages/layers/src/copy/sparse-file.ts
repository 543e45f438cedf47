import { closeSync, ftruncateSync, writeSync } from 'node:fs';

const pieceBytes = 1 << 16;
const zeros = Buffer.alloc(pieceBytes);

/** A file that is written in rising order, with holes where 64 KiB together are zeros: a hole came as zeros through the archive. */
export class SparseFile implements Disposable {
  constructor(readonly fd: number) {}

  write(chunk: Uint8Array, start: number, end: number, position: number): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let written = start;
    for (let at = start; at < end; at += pieceBytes) {
      const pieceEnd = Math.min(at + pieceBytes, end);
      if (!isZero(bytes, at, pieceEnd)) continue;
      this.#writeAll(bytes, written, at, position + written - start);
      written = pieceEnd;
    }
    this.#writeAll(bytes, written, end, position + written - start);
  }

  end(size: number): void {
    ftruncateSync(this.fd, size);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }

  #writeAll(bytes: Buffer, start: number, end: number, position: number): void {
    for (let at = start; at < end; ) at += writeSync(this.fd, bytes, at, end - at, position + at - start);
  }
}

function isZero(bytes: Buffer, start: number, end: number): boolean {
  return end - start >= 4096 && bytes[start] === 0 && zeros.compare(bytes, start, end, 0, end - start) === 0;
}
