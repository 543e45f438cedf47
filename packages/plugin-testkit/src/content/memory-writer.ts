import { createHash } from 'node:crypto';
import { parseDigest, quote } from '@slipway/oci';
import type { ContentWriter, Digest, IngestStatus, WriterOptions } from '@slipway/plugin-api';
import { type MemoryContentPlace, refusal, statusOf } from './memory-content.js';

export interface MemoryIngest {
  readonly ref: string;
  readonly startedAt: string;
  updatedAt: string;
  chunks: Buffer[];
  /** Bytes in the chunks. */
  offset: number;
  expected?: WriterOptions['expected'];
  /** The writer that has it open. */
  owner?: MemoryWriter | undefined;
}

/** The one writer of an ingest in memory. */
export class MemoryWriter implements ContentWriter {
  readonly #place: MemoryContentPlace;
  readonly #ingest: MemoryIngest;
  readonly #onClose: (writer: MemoryWriter) => void;

  constructor(place: MemoryContentPlace, ingest: MemoryIngest, onClose: (writer: MemoryWriter) => void) {
    this.#place = place;
    this.#ingest = ingest;
    this.#onClose = onClose;
    ingest.owner = this;
  }

  async write(chunk: Uint8Array): Promise<void> {
    const { ref, offset, expected } = this.#open('write');
    const end = offset + chunk.length;
    if (expected !== undefined && end > expected.size)
      throw refusal(
        'failed-precondition',
        'CONTENT_SIZE_EXCEEDED',
        `write ${quote(ref)}: found at least ${end} bytes, expected ${expected.size}`,
      );
    this.#ingest.chunks.push(Buffer.from(chunk));
    this.#progress(end);
  }

  status(): IngestStatus {
    return statusOf(this.#ingest);
  }

  async truncate(): Promise<void> {
    this.#open('truncate').chunks = [];
    this.#progress(0);
  }

  async commit(
    wanted: { readonly size?: number; readonly digest?: Digest } = {},
  ): Promise<{ readonly digest: Digest; readonly size: number }> {
    const { ref, chunks, expected } = this.#open('commit');
    this.#close();
    const name = wanted.digest ?? expected?.digest;
    const algorithm = name === undefined ? 'sha256' : parseDigest(name).algorithm;
    this.#place.ingests.delete(ref);
    const bytes = Buffer.concat(chunks);
    const size = wanted.size ?? expected?.size ?? bytes.length;
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
    if (bytes.length !== size)
      throw refusal(
        'failed-precondition',
        'CONTENT_SIZE_MISMATCH',
        `commit ${quote(ref)}: found ${bytes.length} bytes, expected ${size}`,
      );
    if (name !== undefined && digest !== name)
      throw refusal(
        'failed-precondition',
        'CONTENT_DIGEST_MISMATCH',
        `commit ${quote(ref)}: found digest "${digest}", expected "${name}"`,
      );
    if (this.#place.blobs.has(digest))
      throw refusal('already-exists', 'CONTENT_ALREADY_EXISTS', `commit ${quote(ref)}: blob "${digest}" is there already`);
    this.#place.blobs.set(digest, { bytes, createdAt: new Date().toISOString(), labels: {} });
    return { digest, size };
  }

  async close(): Promise<void> {
    this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
  }

  #close(): void {
    if (this.#ingest.owner !== this) return;
    this.#ingest.owner = undefined;
    this.#onClose(this);
  }

  #progress(offset: number): void {
    this.#ingest.offset = offset;
    this.#ingest.updatedAt = new Date().toISOString();
  }

  #open(what: string): MemoryIngest {
    if (this.#ingest.owner === this) return this.#ingest;
    throw refusal('failed-precondition', 'CONTENT_WRITER_CLOSED', `${what} ${quote(this.#ingest.ref)}: the writer was closed`);
  }
}
