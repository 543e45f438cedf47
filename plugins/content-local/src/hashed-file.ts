import { createHash, type Hash } from 'node:crypto';
import { ftruncateSync, readSync, writeSync } from 'node:fs';
import type { DigestAlgorithm } from '@slipway/oci';

/** Larger pieces gain nothing; smaller ones cost (sha256 of 64 KiB pieces is a third slower). */
export const pieceBytes = 1024 * 1024;

/**
 * A file that grows and the hash of its bytes. All calls are synchronous: it lives in the worker, or, for what fits in one
 * piece, on the event loop.
 */
export class HashedFile {
  private hash: Hash | undefined;
  private failure: { readonly error: unknown } | undefined;

  /** `size` bytes are in the file already; they are read when the hash is first needed. */
  constructor(
    private readonly fd: number,
    private readonly algorithm: DigestAlgorithm,
    private size: number,
  ) {}

  /** After a failure every later call fails alike: a piece that was on its way must not be written where the lost one belongs. */
  appendSync(bytes: Uint8Array): void {
    if (this.failure !== undefined) throw this.failure.error;
    try {
      this.hash ??= hashOf(this.fd, this.algorithm, this.size);
      this.hash.update(bytes);
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(this.fd, bytes, written, bytes.length - written, this.size + written);
      }
      this.size += bytes.length;
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }

  truncate(): void {
    ftruncateSync(this.fd, 0);
    this.size = 0;
    this.hash = undefined;
  }

  /** Hexadecimal. Another algorithm than the one it was opened with costs a reading of the file. */
  digest(algorithm: DigestAlgorithm): string {
    if (algorithm !== this.algorithm) return hashOf(this.fd, algorithm, this.size).digest('hex');
    this.hash ??= hashOf(this.fd, algorithm, this.size);
    return this.hash.copy().digest('hex');
  }
}

function hashOf(fd: number, algorithm: DigestAlgorithm, size: number): Hash {
  const hash = createHash(algorithm);
  const piece = Buffer.allocUnsafeSlow(Math.min(size, pieceBytes));
  for (let position = 0; position < size; ) {
    const read = readSync(fd, piece, 0, Math.min(piece.length, size - position), position);
    if (read === 0) throw Object.assign(new Error(`EIO: the file ends at ${position} of ${size} bytes, read`), { code: 'EIO' });
    hash.update(piece.subarray(0, read));
    position += read;
  }
  return hash;
}
