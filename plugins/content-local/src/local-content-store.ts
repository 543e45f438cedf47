import { closeSync, fstatSync, ftruncateSync } from 'node:fs';
import { opendir, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isDigest, parseDigest, quote } from '@slipway/oci';
import {
  type ContentInfo,
  type ContentReader,
  type ContentStore,
  type ContentWriter,
  type Digest,
  hasCode,
  type IngestStatus,
  type PluginDirs,
  SlipwayError,
  step,
  tokens,
  type WriterOptions,
  wrapError,
} from '@slipway/plugin-api';
import { inject, injectable } from 'tsyringe';
import { FileReader } from './content-reader.js';
import { blobExists, blobNotFound, closed, ingestBusy, ingestNotFound } from './errors.js';
import { HashingThread } from './hashing-thread.js';
import { dropIngest, lockIngest, openData, readRecord, statusOf, unlockIngest, writeRecord } from './ingest.js';
import { algorithms, blobPath, ingestFolder, ingestsFolder, syncFolder } from './layout.js';
import { LocalContentWriter } from './local-content-writer.js';
import { PieceWriter } from './piece-writer.js';

/** {@link ContentStore} in a folder; see layout.ts for the folder. */
@injectable()
export class LocalContentStore implements ContentStore, AsyncDisposable {
  private readonly root: string;
  private readonly thread = new HashingThread();
  private readonly writers = new Map<string, LocalContentWriter>();
  private readonly readers = new Set<FileReader>();
  private isClosed: boolean = false;

  /** The fixed folders are there (makeFolders). */
  constructor(@inject(tokens.dirs) dirs: PluginDirs) {
    this.root = dirs.root;
  }

  async info(digest: Digest): Promise<ContentInfo> {
    this.check('info');
    const { path } = blobPath(this.root, digest);
    const info = await infoOf(digest, path);
    if (info === undefined) throw blobNotFound('info', digest);
    return info;
  }

  async update(digest: Digest): Promise<ContentInfo> {
    await this.info(digest);
    throw new SlipwayError({
      kind: 'unimplemented',
      code: 'CONTENT_LABELS_UNSUPPORTED',
      message: `update "${digest}": this store keeps no labels`,
      hint: 'labels are kept in metadata',
    });
  }

  async *walk(): AsyncGenerator<ContentInfo> {
    this.check('walk');
    for (const algorithm of algorithms) {
      const folder = join(this.root, 'blobs', algorithm);
      for await (const { name } of await opendir(folder)) {
        const digest = `${algorithm}:${name}`;
        const info = isDigest(digest) ? await infoOf(digest, join(folder, name)) : undefined;
        if (info !== undefined) yield info;
      }
    }
  }

  async delete(digest: Digest): Promise<void> {
    this.check('delete');
    const { folder, path } = blobPath(this.root, digest);
    try {
      await unlink(path);
      await syncFolder(folder);
    } catch (error) {
      throw hasCode(error, 'ENOENT') ? blobNotFound('delete', digest) : wrapError(`delete "${digest}"`, error);
    }
  }

  async readerAt(digest: Digest): Promise<ContentReader> {
    this.check('read');
    const { path } = blobPath(this.root, digest);
    try {
      const reader = await FileReader.open(digest, path, (closing) => this.readers.delete(closing));
      this.readers.add(reader);
      return reader;
    } catch (error) {
      throw hasCode(error, 'ENOENT') ? blobNotFound('read', digest) : wrapError(`read "${digest}"`, error);
    }
  }

  async writer(options: WriterOptions): Promise<ContentWriter> {
    this.check('write');
    const { ref, expected, replace = false } = checkOptions(options);
    if (expected !== undefined && !replace) {
      const { folder, path } = blobPath(this.root, expected.digest);
      if ((await infoOf(expected.digest, path)) !== undefined) {
        await syncFolder(folder); // see the same case on commit
        throw blobExists(`write ${quote(ref)}`, expected.digest);
      }
    }
    this.check('write');
    try {
      return this.openWriter({ ref, expected, replace });
    } catch (error) {
      throw wrapError(`write ${quote(ref)}`, error);
    }
  }

  async status(ref: string): Promise<IngestStatus> {
    this.check('status');
    checkRef(ref);
    const status = this.writers.get(ref)?.status() ?? statusOf(ingestFolder(this.root, ref));
    if (status === undefined) throw ingestNotFound('status', ref);
    return status;
  }

  async listStatuses(): Promise<readonly IngestStatus[]> {
    this.check('list ingests');
    const names = await readdir(ingestsFolder(this.root));
    return names.flatMap((name) => {
      const status = statusOf(join(ingestsFolder(this.root), name));
      if (status === undefined || ingestFolder(this.root, status.ref) !== join(ingestsFolder(this.root), name)) return [];
      return [this.writers.get(status.ref)?.status() ?? status];
    });
  }

  async abort(ref: string): Promise<void> {
    this.check('abort');
    checkRef(ref);
    const ingest = lockIngest(this.root, ref, false);
    if (ingest === 'absent') throw ingestNotFound('abort', ref);
    if (ingest === 'busy') throw ingestBusy('abort', ref);
    dropIngest(ingest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
    await Promise.allSettled([...this.writers.values()].map((writer) => writer.close()));
    await Promise.all([...this.readers].map((reader) => reader[Symbol.asyncDispose]()));
    await this.thread[Symbol.asyncDispose]();
  }

  private openWriter({ ref, expected, replace = false }: WriterOptions): LocalContentWriter {
    const ingest = lockIngest(this.root, ref, true);
    if (typeof ingest === 'string') throw ingestBusy('write', ref);
    let dataFd: number | undefined;
    try {
      dataFd = openData(ingest);
      const found = readRecord(ingest.folder);
      // Progress towards other content is none; and without a record nobody knows what the bytes are.
      const keep =
        found?.ref === ref && (expected === undefined || found.expected === undefined || found.expected === expected.digest);
      if (!keep) ftruncateSync(dataFd, 0);
      const record = {
        ...(keep ? found : { ref, startedAt: new Date().toISOString() }),
        ...(expected === undefined ? {} : { total: expected.size, expected: expected.digest }),
      };
      let offset = fstatSync(dataFd).size;
      if (record.total !== undefined && offset > record.total) {
        ftruncateSync(dataFd, 0);
        offset = 0;
      }
      writeRecord(ingest, record);
      const algorithm = record.expected === undefined ? 'sha256' : parseDigest(record.expected).algorithm;
      const pieces = new PieceWriter(dataFd, algorithm, offset, this.thread, () => step('content.ingest.written', { ref }));
      const onClose = (): void => void this.writers.delete(ref);
      const writer = new LocalContentWriter({ root: this.root, ingest, record, replace, dataFd, offset, pieces, onClose });
      this.writers.set(ref, writer);
      step('content.ingest.opened', { ref, offset });
      return writer;
    } catch (error) {
      if (dataFd !== undefined) closeSync(dataFd);
      unlockIngest(ingest);
      throw error;
    }
  }

  private check(what: string): void {
    if (this.isClosed) throw closed('CONTENT_STORE_CLOSED', `${what}: the content store in "${this.root}" was closed`);
  }
}

async function infoOf(digest: Digest, path: string): Promise<ContentInfo | undefined> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return undefined;
    return { digest, size: found.size, createdAt: found.mtime.toISOString(), labels: {} };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw wrapError(`info "${digest}"`, error);
  }
}

function checkRef(ref: string): void {
  if (ref.length >= 1 && ref.length <= 512 && ref.isWellFormed()) return;
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'CONTENT_REF_INVALID',
    message: `ref ${quote(ref)} has ${ref.length} characters, expected 1 to 512 of well-formed Unicode`,
  });
}

function checkOptions({ ref, expected, replace }: WriterOptions): WriterOptions {
  checkRef(ref);
  if (expected === undefined) return { ref };
  const { digest, size } = expected;
  parseDigest(digest);
  if (Number.isSafeInteger(size) && size >= 0) return { ref, expected: { digest, size }, replace };
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'CONTENT_SIZE_INVALID',
    message: `write ${quote(ref)}: expected size ${String(size)}, which is not a whole number from 0 to 2^53 - 1`,
  });
}
