import { closeSync, fchmodSync, renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import { parseDigest, quote } from '@slipway/oci';
import {
  type ContentWriter,
  type Digest,
  hasCode,
  type IngestStatus,
  isSlipwayError,
  step,
  wrapError,
} from '@slipway/plugin-api';
import { blobExists, closed, digestMismatch, sizeExceeded, sizeMismatch } from './errors.js';
import { dropIngest, type IngestRecord, type LockedIngest, unlockIngest } from './ingest.js';
import { blobPath, syncFile, syncFolder } from './layout.js';
import type { PieceWriter } from './piece-writer.js';

export interface WriterParts {
  readonly root: string;
  readonly ingest: LockedIngest;
  readonly record: IngestRecord;
  /** What is there under the digest is damaged, and this takes its place. */
  readonly replace: boolean;
  readonly dataFd: number;
  /** Bytes that were there when the ingest was opened. */
  readonly offset: number;
  readonly pieces: PieceWriter;
  readonly onClose: () => void;
}

/** The one writer of an ingest. Calls are carried out one after the other, in the order they were made. */
export class LocalContentWriter implements ContentWriter {
  private offset: number;
  private updatedAt = new Date();
  private isOpen: boolean = true;
  /** The first failure: what is in the file then is uncertain until the ingest is opened again. */
  private failure: Error | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: WriterParts) {
    this.offset = parts.offset;
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.inTurn('write', async () => {
      const { record } = this.parts;
      const end = this.offset + chunk.length;
      if (record.total !== undefined && end > record.total) throw sizeExceeded(record.ref, record.total, end);
      await this.guarded('write', () => this.parts.pieces.write(chunk));
      this.offset = end;
      this.updatedAt = new Date();
    });
  }

  status(): IngestStatus {
    return { ...this.parts.record, offset: this.offset, updatedAt: this.updatedAt.toISOString() };
  }

  truncate(): Promise<void> {
    return this.inTurn('truncate', async () => {
      await this.guarded('truncate', () => this.parts.pieces.truncate());
      this.offset = 0;
      this.updatedAt = new Date();
    });
  }

  commit(expected: { readonly size?: number; readonly digest?: Digest } = {}): Promise<{ digest: Digest; size: number }> {
    return this.inTurn('commit', async () => {
      try {
        return await this.commitOpen(expected);
      } finally {
        await this.end(unlockIngest);
      }
    });
  }

  close(): Promise<void> {
    const closing = this.last.then(async () => {
      if (!this.isOpen) return;
      try {
        if (this.failure === undefined) await this.guarded('close', () => this.parts.pieces.flush());
      } finally {
        await this.end(unlockIngest);
      }
    });
    this.last = closing.catch(() => {});
    return closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async commitOpen(expected: {
    readonly size?: number;
    readonly digest?: Digest;
  }): Promise<{ digest: Digest; size: number }> {
    const { root, record, replace, ingest, dataFd, pieces } = this.parts;
    const { ref } = record;
    const wantedSize = expected.size ?? record.total;
    const wanted = expected.digest ?? record.expected;
    const algorithm = wanted === undefined ? 'sha256' : parseDigest(wanted).algorithm;
    const encoded = await this.guarded('commit', async () => {
      const hex = await pieces.digest(algorithm);
      await syncFile(dataFd);
      return hex;
    });
    step('content.commit.synced', { ref });
    const digest = `${algorithm}:${encoded}`;
    const size = this.offset;
    if (wantedSize !== undefined && size !== wantedSize) {
      await this.end(dropIngest);
      throw sizeMismatch(ref, wantedSize, size);
    }
    if (wanted !== undefined && digest !== wanted) {
      await this.end(dropIngest);
      throw digestMismatch(ref, wanted, digest);
    }
    const { folder, path } = blobPath(root, digest);
    return await this.guarded('commit', async () => {
      try {
        const data = join(ingest.folder, 'data');
        if (replace) renameSync(data, path);
        else linux.renameNoReplace(data, path);
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
        // Who committed it may not have synced the folder yet, and the caller will rely on it.
        await syncFolder(folder);
        await this.end(dropIngest);
        throw blobExists(`commit ${quote(ref)}`, digest);
      }
      step('content.commit.renamed', { ref, digest });
      try {
        // Not before: an ingest that stays must remain writable for who resumes it.
        fchmodSync(dataFd, 0o444);
        await syncFolder(folder);
        await syncFolder(ingest.folder);
      } catch (error) {
        // A blob that may vanish with the power must not be seen.
        unlinkSync(path);
        throw error;
      }
      step('content.commit.durable', { ref, digest });
      await this.end(dropIngest);
      return { digest, size };
    });
  }

  /** Runs after the calls before it. */
  private inTurn<R>(what: string, run: () => Promise<R>): Promise<R> {
    const done = this.last.then(async () => {
      if (!this.isOpen) throw closed('CONTENT_WRITER_CLOSED', `${what} ${quote(this.parts.record.ref)}: the writer was closed`);
      if (this.failure !== undefined) {
        if (what === 'commit') await this.end(unlockIngest);
        throw this.failure;
      }
      return await run();
    });
    this.last = done.catch(() => {});
    return done;
  }

  private async guarded<R>(what: string, run: () => Promise<R>): Promise<R> {
    try {
      return await run();
    } catch (error) {
      const failure = isSlipwayError(error) ? error : wrapError(`${what} ${quote(this.parts.record.ref)}`, error);
      this.failure ??= failure;
      throw failure;
    }
  }

  /** Closes all descriptors, then gives the ingest up by `leave`. Idempotent. */
  private async end(leave: (ingest: LockedIngest) => void): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    const { ingest, dataFd, pieces, onClose } = this.parts;
    await pieces.release();
    closeSync(dataFd);
    try {
      leave(ingest);
    } finally {
      onClose();
    }
  }
}
