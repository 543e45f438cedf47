import type { Descriptor, Digest } from '../oci/index.js';
import { definePoint } from '../point.js';

/**
 * # ContentStore: bytes kept under their digest
 *
 * ```
 *                writer(ref)            write*            commit(size, digest)
 *   (nothing) ----------------> ingest --------> ingest -----------------------> blob
 *                                 |  ^ close, writer(ref) again: resumes at status.offset
 *                                 v  |
 *                               closed -- abort(ref) --> (nothing)
 * ```
 * - **blob**: whole, verified, immutable content under its digest. Only blobs are visible to `info`, `walk`, `readerAt`.
 * - **ingest**: bytes on their way, under a *ref* that the caller chooses (any string of 1 to 512 characters).
 * - **ref**: names one attempt to bring one thing in: `layer-sha256:...`. One writer per ref, over all processes.
 *
 * Laws (containerd's content store semantics):
 * 1. A blob is visible only after `commit` has synced the file, checked size and digest, renamed it, and synced the folder.
 * 2. A wrong size or digest rejects with `failed-precondition` and the ingest is gone; the store is as before.
 * 3. Committing what is there already rejects with `already-exists`; the ingest is gone, the blob untouched.
 * 4. A second writer for an open ref rejects with `unavailable` at once.
 * 5. `close` keeps progress: the next `writer(ref)` continues at `status.offset`, also in another process.
 *    After a crash the ingest is there with some prefix of what was written.
 * 6. `commit` always closes the writer, whatever comes of it. `close` and dispose are idempotent.
 * 7. A digest is checked for its form before any path is built from it: `invalid-argument`.
 *
 * ```ts
 * await using writer = await content.writer({ ref: `layer-${d.digest}`, expected: d });
 * for await (const chunk of body) await writer.write(chunk);
 * await writer.commit({ size: d.size, digest: d.digest });
 * ```
 *
 * Capability `replace`: see {@link WriterOptions.replace}. Capability `labels`: the store keeps labels itself. Without it `update` rejects with `unimplemented`; the engine keeps
 * them in metadata.
 *
 * @stable
 * @since 0.1
 */
export interface ContentStore {
  /** Errors: `not-found`. */
  info(digest: Digest): Promise<ContentInfo>;
  /** Replaces the labels of a blob. Errors: `not-found`, `unimplemented`. */
  update(digest: Digest, labels: Readonly<Record<string, string>>): Promise<ContentInfo>;
  /** All blobs, in any order. A blob that comes or goes meanwhile may or may not be seen. */
  walk(): AsyncIterable<ContentInfo>;
  /** Removes a blob; open readers go on reading. Errors: `not-found`. */
  delete(digest: Digest): Promise<void>;
  /** Opens a blob for reading. Its bytes were verified on commit; who must be sure hashes again. Errors: `not-found`. */
  readerAt(digest: Digest): Promise<ContentReader>;
  /** Opens the one writer of a ref, resuming what a closed one left. Errors: `unavailable`, `invalid-argument`, `already-exists` (the expected digest is a blob already). */
  writer(options: WriterOptions): Promise<ContentWriter>;
  /** Errors: `not-found`. */
  status(ref: string): Promise<IngestStatus>;
  listStatuses(): Promise<readonly IngestStatus[]>;
  /** Drops an ingest. Errors: `not-found`; `unavailable` while a writer has it open. */
  abort(ref: string): Promise<void>;
}

export const contentPoint = definePoint<ContentStore>('content.v1');

export interface ContentInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Random access to one blob. Disposing closes it; idempotent. */
export interface ContentReader extends AsyncDisposable {
  readonly size: number;
  /**
   * A descriptor of this process that can be read with pread(2) at offset 0 and on, from any thread, for as long as the
   * reader is open. Absent when the store is not backed by a local file.
   */
  readonly fd?: number;
  /** Fills `target` from `position`; fewer bytes only at the end. Returns the count. Errors: `data-loss`. */
  read(target: Uint8Array, position: number): Promise<number>;
}

export interface WriterOptions {
  readonly ref: string;
  /** What the writer is meant to bring. Lets the store refuse at once what it has, and stop at `size` + 1 bytes. */
  readonly expected?: Pick<Descriptor, 'digest' | 'size'> | undefined;
  /**
   * Capability `replace`: what is there under the expected digest is damaged. It stays until `commit`, which puts the verified content in its
   * place in one step; who reads the old one goes on with it. A store without the capability answers as if it were not given.
   */
  readonly replace?: boolean | undefined;
}

export interface ContentWriter extends AsyncDisposable {
  /**
   * Appends. The bytes are copied or written before the promise settles, so the caller may reuse the buffer. Waiting for
   * the promise is the back-pressure. Errors: `failed-precondition` past the expected size, `resource-exhausted`.
   */
  write(chunk: Uint8Array): Promise<void>;
  status(): IngestStatus;
  /** Back to offset 0; no other offset is possible. */
  truncate(): Promise<void>;
  /**
   * Makes the ingest a blob. What is not given here is as {@link WriterOptions.expected} said on opening; without any digest
   * the computed sha256 is its name. Returns the descriptor part that is now visible. Errors: `failed-precondition`, `already-exists`, `resource-exhausted`.
   */
  commit(expected?: {
    readonly size?: number;
    readonly digest?: Digest;
  }): Promise<{ readonly digest: Digest; readonly size: number }>;
  /** Keeps progress. Idempotent. Dispose does the same. */
  close(): Promise<void>;
}

export interface IngestStatus {
  readonly ref: string;
  /** Bytes written so far. */
  readonly offset: number;
  /** Expected size in bytes; absent when unknown. */
  readonly total?: number;
  readonly expected?: Digest;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly updatedAt: string;
}
