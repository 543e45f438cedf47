import { parseDigest } from '@slipway/oci';
import {
  type ContentInfo,
  type ContentReader,
  type ContentStore,
  type ContentWriter,
  type Digest,
  defineTable,
  hasCode,
  type IngestStatus,
  isKind,
  type MetadataStore,
  type ReadTransaction,
  SlipwayError,
  type WriterOptions,
} from '@slipway/plugin-api';
import * as v from 'valibot';
import { ignoring } from '../operations/ignoring.js';
import { labelsSchema, rowKey, rowName, rowPrefix } from './rows.js';

const schema = v.object({
  size: v.number(),
  createdAt: v.string(),
  labels: labelsSchema,
  /** Operation that is deleting it: gone for everyone, but the file may still be there. */
  deletedBy: v.optional(v.string()),
});

export type ContentRow = v.InferOutput<typeof schema>;

const beingDeletedCode = 'CONTENT_BEING_DELETED';

/** By digest. Presence is the row, not the file. */
export const contentTable = defineTable<ContentRow>('content', (value) => v.parse(schema, value));

/**
 * The content store of a namespace: a blob is there when its row is, and the rows keep the labels. It obeys the same laws
 * as the store below it.
 */
export class NamespacedContent implements ContentStore {
  readonly #store: ContentStore;
  readonly #metadata: MetadataStore;
  readonly #lockDeletions: () => Promise<Disposable>;

  /** @param lockDeletions one at a time deletes blobs of a root, see deletion-lock.ts */
  constructor(store: ContentStore, metadata: MetadataStore, lockDeletions: () => Promise<Disposable>) {
    this.#store = store;
    this.#metadata = metadata;
    this.#lockDeletions = lockDeletions;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    parseDigest(digest);
    return infoOf(
      digest,
      this.#metadata.read((tx) => presentRow(tx, digest)),
    );
  }

  async update(digest: Digest, labels: Readonly<Record<string, string>>): Promise<ContentInfo> {
    parseDigest(digest);
    return this.#metadata.write((tx) => {
      const updated = { ...presentRow(tx, digest), labels };
      tx.put(contentTable, rowKey(digest), updated);
      return infoOf(digest, updated);
    });
  }

  async *walk(): AsyncGenerator<ContentInfo> {
    const rows = this.#metadata.read((tx) => [...tx.entries(contentTable, { prefix: rowPrefix })]);
    for (const [key, row] of rows) if (row.deletedBy === undefined) yield infoOf(rowName(key), row);
  }

  /** Marked first: the file must be gone before anyone takes the blob for absent. Who finds the mark of a killed one goes on from there. */
  async delete(digest: Digest): Promise<void> {
    parseDigest(digest);
    using _lock = await this.#lockDeletions();
    const { deletedBy: _, ...row } = await this.#metadata.write((tx) => {
      const found = presentRow(tx, digest);
      tx.put(contentTable, rowKey(digest), { ...found, deletedBy: 'delete' });
      return found;
    });
    try {
      await ignoring(this.#store.delete(digest), 'not-found');
    } catch (error) {
      await this.#metadata.write((tx) => tx.put(contentTable, rowKey(digest), row));
      throw error;
    }
    await this.#metadata.write((tx) => tx.delete(contentTable, rowKey(digest)));
  }

  async readerAt(digest: Digest): Promise<ContentReader> {
    await this.info(digest);
    return this.#store.readerAt(digest);
  }

  async writer(options: WriterOptions): Promise<ContentWriter> {
    const digest = options.expected?.digest;
    if (digest !== undefined) {
      parseDigest(digest);
      const row = this.#metadata.read((tx) => tx.get(contentTable, rowKey(digest)));
      if (row?.deletedBy !== undefined) throw beingDeleted(digest);
      if (row !== undefined && options.replace !== true) throw alreadyExists(digest);
    }
    try {
      const writer = await this.#store.writer(options);
      if (digest !== undefined && options.replace !== true) await this.#refuseCommitted(writer, options.ref, digest);
      return new NamespacedWriter(writer, this.#metadata);
    } catch (error) {
      if (digest === undefined || !isKind(error, 'already-exists') || (await this.#adopt(digest))) throw error;
      return new NamespacedWriter(await this.#store.writer({ ...options, replace: true }), this.#metadata);
    }
  }

  /**
   * A blob without a row: its writer was killed between the two, it belongs to another namespace, or a rebuild has found it damaged and left it out.
   *
   * @returns false when it is damaged
   */
  async #adopt(digest: Digest): Promise<boolean> {
    const { size } = await this.#store.info(digest);
    if (this.#metadata.read((tx) => tx.get(contentTable, rowKey(digest))) === undefined) {
      const { isWhole } = await import('../verify/is-whole.js');
      if (!(await isWhole(this.#store, digest, size))) return false;
    }
    await putRow(this.#metadata, digest, size);
    return true;
  }

  /** The writer before may have committed between the store's look at its blobs and the opening: it is not to be brought in twice. */
  async #refuseCommitted(writer: ContentWriter, ref: string, digest: Digest): Promise<void> {
    try {
      if (!(await isInStore(this.#store, digest))) return;
    } catch (error) {
      await writer.close();
      throw error;
    }
    await writer.close();
    await ignoring(this.#store.abort(ref), 'not-found', 'unavailable');
    throw alreadyExists(digest);
  }

  status(ref: string): Promise<IngestStatus> {
    return this.#store.status(ref);
  }

  listStatuses(): Promise<readonly IngestStatus[]> {
    return this.#store.listStatuses();
  }

  abort(ref: string): Promise<void> {
    return this.#store.abort(ref);
  }
}

class NamespacedWriter implements ContentWriter {
  readonly #writer: ContentWriter;
  readonly #metadata: MetadataStore;

  constructor(writer: ContentWriter, metadata: MetadataStore) {
    this.#writer = writer;
    this.#metadata = metadata;
  }

  write(chunk: Uint8Array): Promise<void> {
    return this.#writer.write(chunk);
  }

  status(): IngestStatus {
    return this.#writer.status();
  }

  truncate(): Promise<void> {
    return this.#writer.truncate();
  }

  async commit(expected?: { readonly size?: number; readonly digest?: Digest }): Promise<{ digest: Digest; size: number }> {
    try {
      const committed = await this.#writer.commit(expected);
      await putRow(this.#metadata, committed.digest, committed.size);
      return committed;
    } catch (error) {
      const digest = expected?.digest ?? this.status().expected;
      if (digest !== undefined && isKind(error, 'already-exists')) {
        await putRow(this.#metadata, digest, expected?.size ?? this.status().offset);
      }
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function presentRow(tx: ReadTransaction, digest: Digest): ContentRow {
  const row = tx.get(contentTable, rowKey(digest));
  if (row === undefined || row.deletedBy !== undefined) throw notFound(digest);
  return row;
}

async function putRow(metadata: MetadataStore, digest: Digest, size: number): Promise<void> {
  await metadata.write((tx) => {
    const row = tx.get(contentTable, rowKey(digest));
    if (row?.deletedBy !== undefined) throw beingDeleted(digest);
    const fresh = { createdAt: new Date().toISOString(), labels: {} };
    if (row?.size !== size) tx.put(contentTable, rowKey(digest), { ...(row ?? fresh), size });
  });
}

async function isInStore(store: ContentStore, digest: Digest): Promise<boolean> {
  try {
    await store.info(digest);
    return true;
  } catch (error) {
    if (isKind(error, 'not-found')) return false;
    throw error;
  }
}

function infoOf(digest: Digest, row: ContentRow): ContentInfo {
  return { digest, size: row.size, createdAt: row.createdAt, labels: row.labels };
}

function notFound(digest: Digest): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'CONTENT_NOT_FOUND',
    message: `content ${JSON.stringify(digest)} is not in the store`,
    hint: 'pull the image again',
    details: { digest },
  });
}

function alreadyExists(digest: Digest): SlipwayError {
  return new SlipwayError({
    kind: 'already-exists',
    code: 'CONTENT_ALREADY_EXISTS',
    message: `content "${digest}" is in the store already`,
    details: { digest },
  });
}

/** Of a writer that cannot be had until a deletion has ended. */
export function isBeingDeleted(error: unknown): boolean {
  return hasCode(error, beingDeletedCode);
}

/** Kind `unavailable`: a moment later it can be brought in again. */
function beingDeleted(digest: Digest): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code: beingDeletedCode,
    message: `content "${digest}" is being deleted`,
    details: { digest },
  });
}
