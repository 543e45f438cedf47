import { parseDigest, quote } from '@slipway/oci';
import {
  type ContentInfo,
  type ContentReader,
  type ContentStore,
  type Digest,
  type ErrorKind,
  type IngestStatus,
  SlipwayError,
  type WriterOptions,
} from '@slipway/plugin-api';
import { type MemoryIngest, MemoryWriter } from './memory-writer.js';

export interface MemoryBlob {
  readonly bytes: Buffer;
  readonly createdAt: string;
  labels: Readonly<Record<string, string>>;
}

/** What a store in memory keeps. Two stores on one place are as two on one folder. */
export class MemoryContentPlace {
  readonly blobs = new Map<Digest, MemoryBlob>();
  readonly ingests = new Map<string, MemoryIngest>();
}

/**
 * A {@link ContentStore} in memory, for tests of parts that need one. It keeps the laws of content.v1, of one process, and has the
 * capability `labels`. Content stays as long as the place does: give it to the next store to go on with what is there.
 */
export function memoryContent(place: MemoryContentPlace = new MemoryContentPlace()): ContentStore & AsyncDisposable {
  return new MemoryContent(place);
}

export function refusal(kind: ErrorKind, code: string, message: string): SlipwayError {
  return new SlipwayError({ kind, code, message });
}

class MemoryContent implements ContentStore, AsyncDisposable {
  readonly #place: MemoryContentPlace;
  readonly #writers = new Set<MemoryWriter>();
  #isClosed = false;

  constructor(place: MemoryContentPlace) {
    this.#place = place;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    return this.#infoOf('info', digest);
  }

  async update(digest: Digest, labels: Readonly<Record<string, string>>): Promise<ContentInfo> {
    this.#blob('update', digest).labels = structuredClone(labels);
    return this.#infoOf('update', digest);
  }

  async *walk(): AsyncGenerator<ContentInfo> {
    this.#check('walk');
    for (const digest of [...this.#place.blobs.keys()]) {
      if (this.#place.blobs.has(digest)) yield this.#infoOf('walk', digest);
    }
  }

  async delete(digest: Digest): Promise<void> {
    this.#blob('delete', digest);
    this.#place.blobs.delete(digest);
  }

  async readerAt(digest: Digest): Promise<ContentReader> {
    const { bytes } = this.#blob('read', digest);
    let isOpen = true;
    return {
      size: bytes.length,
      async read(target, position) {
        if (!isOpen)
          throw refusal('failed-precondition', 'CONTENT_READER_CLOSED', `read blob "${digest}": the reader was closed`);
        return position < bytes.length ? bytes.copy(target, 0, position) : 0;
      },
      async [Symbol.asyncDispose]() {
        isOpen = false;
      },
    };
  }

  async writer(options: WriterOptions): Promise<MemoryWriter> {
    this.#check('write');
    const { ref, expected } = checkOptions(options);
    const { blobs, ingests } = this.#place;
    if (expected !== undefined && blobs.has(expected.digest))
      throw refusal(
        'already-exists',
        'CONTENT_ALREADY_EXISTS',
        `write ${quote(ref)}: blob "${expected.digest}" is there already`,
      );
    const left = ingests.get(ref);
    if (left?.owner !== undefined) throw busy('write', ref);
    const isSame = left?.expected === undefined || expected === undefined || left.expected.digest === expected.digest;
    const now = new Date().toISOString();
    const ingest: MemoryIngest =
      left !== undefined && isSame ? left : { ref, startedAt: now, updatedAt: now, chunks: [], offset: 0 };
    if (expected !== undefined) ingest.expected = expected;
    ingests.set(ref, ingest);
    const writer = new MemoryWriter(this.#place, ingest, (closed) => this.#writers.delete(closed));
    this.#writers.add(writer);
    return writer;
  }

  async status(ref: string): Promise<IngestStatus> {
    return statusOf(this.#ingest('status', ref));
  }

  async listStatuses(): Promise<readonly IngestStatus[]> {
    this.#check('list ingests');
    return [...this.#place.ingests.values()].map(statusOf);
  }

  async abort(ref: string): Promise<void> {
    const ingest = this.#ingest('abort', ref);
    if (ingest.owner !== undefined) throw busy('abort', ref);
    this.#place.ingests.delete(ref);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const writer of this.#writers) await writer.close();
  }

  #blob(what: string, digest: Digest): MemoryBlob {
    this.#check(what);
    parseDigest(digest);
    const blob = this.#place.blobs.get(digest);
    if (blob === undefined) throw refusal('not-found', 'CONTENT_NOT_FOUND', `${what} "${digest}": no such blob`);
    return blob;
  }

  #infoOf(what: string, digest: Digest): ContentInfo {
    const { bytes, createdAt, labels } = this.#blob(what, digest);
    return { digest, size: bytes.length, createdAt, labels };
  }

  #ingest(what: string, ref: string): MemoryIngest {
    this.#check(what);
    checkRef(ref);
    const ingest = this.#place.ingests.get(ref);
    if (ingest === undefined) throw refusal('not-found', 'CONTENT_INGEST_NOT_FOUND', `${what} ${quote(ref)}: no such ingest`);
    return ingest;
  }

  #check(what: string): void {
    if (this.#isClosed)
      throw refusal('failed-precondition', 'CONTENT_STORE_CLOSED', `${what}: the content store in memory was closed`);
  }
}

export function statusOf({ ref, offset, expected, startedAt, updatedAt }: MemoryIngest): IngestStatus {
  const wanted = expected === undefined ? {} : { total: expected.size, expected: expected.digest };
  return { ref, offset, ...wanted, startedAt, updatedAt };
}

function busy(what: string, ref: string): SlipwayError {
  return refusal('unavailable', 'CONTENT_INGEST_BUSY', `${what} ${quote(ref)}: the ingest is open in another writer`);
}

function checkRef(ref: string): void {
  if (ref.length < 1 || ref.length > 512 || !ref.isWellFormed())
    throw refusal('invalid-argument', 'CONTENT_REF_INVALID', `ref ${quote(ref)}: expected 1 to 512 characters`);
}

function checkOptions({ ref, expected }: WriterOptions): WriterOptions {
  checkRef(ref);
  if (expected === undefined) return { ref };
  const { digest, size } = expected;
  parseDigest(digest);
  if (!Number.isSafeInteger(size) || size < 0)
    throw refusal('invalid-argument', 'CONTENT_SIZE_INVALID', `write ${quote(ref)}: expected size ${size} is none`);
  return { ref, expected: { digest, size } };
}
