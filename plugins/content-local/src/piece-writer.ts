import { ftruncateSync } from 'node:fs';
import type { DigestAlgorithm } from '@slipway/oci';
import { HashedFile, pieceBytes } from './hashed-file.js';
import type { HashingThread, ThreadFile } from './hashing-thread.js';

/** Pieces at the thread or on their way to it; one more is being filled. Enough to keep it busy, little memory. */
const maxInFlight = 3;

/**
 * Collects chunks into pieces, and has the pieces hashed and written: by the thread, or, when all there is fits in the
 * first piece, here. Calls must not overlap.
 */
export class PieceWriter {
  private localFile: HashedFile | undefined;
  private threadFile: ThreadFile | undefined;
  private piece: ArrayBuffer | undefined;
  private filled = 0;
  private readonly spare: ArrayBuffer[] = [];
  private readonly inFlight: Promise<void>[] = [];

  /** `size` bytes are in the file already. `onWritten` is called when a piece is in the file. */
  constructor(
    private readonly fd: number,
    private readonly algorithm: DigestAlgorithm,
    private size: number,
    private readonly thread: HashingThread,
    private readonly onWritten: () => void,
  ) {}

  /** Copies the chunk; waits while the thread is behind. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let taken = 0; taken < chunk.length; ) {
      this.piece ??= this.spare.pop() ?? new ArrayBuffer(pieceBytes);
      const part = chunk.subarray(taken, taken + pieceBytes - this.filled);
      new Uint8Array(this.piece).set(part, this.filled);
      this.filled += part.length;
      taken += part.length;
      if (this.filled === pieceBytes) await this.send();
    }
  }

  /** Brings all bytes into the file. */
  async flush(): Promise<void> {
    if (this.filled > 0) await this.send(this.isSmall());
    await Promise.all(this.inFlight.splice(0));
  }

  async digest(algorithm: DigestAlgorithm): Promise<string> {
    await this.flush();
    return await this.open(this.isSmall()).digest(algorithm);
  }

  async truncate(): Promise<void> {
    await Promise.all(this.inFlight.splice(0));
    this.filled = 0;
    // Nothing is hashed yet when nothing was sent: whether the thread is needed then remains open.
    if (this.localFile !== undefined) this.localFile.truncate();
    else if (this.threadFile !== undefined) await this.threadFile.truncate();
    else ftruncateSync(this.fd, 0);
    this.size = 0;
  }

  /** Ends all use of the descriptor, whatever happened before. */
  async release(): Promise<void> {
    await Promise.allSettled(this.inFlight.splice(0));
    await this.threadFile?.close().catch(() => {
      // The thread is gone, and the descriptor out of use with it.
    });
    this.piece = undefined;
    this.spare.length = 0;
  }

  private isSmall(): boolean {
    return this.size + this.filled <= pieceBytes;
  }

  private open(here: boolean): HashedFile | ThreadFile {
    if (here && this.threadFile === undefined) {
      this.localFile ??= new HashedFile(this.fd, this.algorithm, this.size);
      return this.localFile;
    }
    this.threadFile ??= this.thread.open(this.fd, this.algorithm, this.size);
    return this.threadFile;
  }

  private async send(here = false): Promise<void> {
    const { piece, filled } = this;
    if (piece === undefined) return;
    const file = this.open(here);
    this.piece = undefined;
    this.filled = 0;
    this.size += filled;
    const written = this.append(file, piece, filled);
    // Its failure is met by who awaits it below or in flush.
    written.catch(() => {});
    this.inFlight.push(written);
    if (this.inFlight.length >= maxInFlight) await this.inFlight.shift();
  }

  private async append(file: HashedFile | ThreadFile, piece: ArrayBuffer, filled: number): Promise<void> {
    if (file instanceof HashedFile) {
      file.appendSync(new Uint8Array(piece, 0, filled));
      this.spare.push(piece);
    } else {
      this.spare.push(await file.append(piece, filled));
    }
    this.onWritten();
  }
}
