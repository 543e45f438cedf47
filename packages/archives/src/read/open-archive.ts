import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { canceled, hasCode, wrapError } from '@slipway/plugin-api';
import { compressionOf, decompressed, magicBytes } from '../compression.js';
import { archiveError } from '../errors.js';
import { type ArchiveLimits, archiveLimits } from '../limits.js';
import { namelessFile, spool } from '../spool.js';
import { readDockerArchive } from './docker-archive.js';
import { type ArchiveFiles, contentOf, readFully } from './files.js';
import { FolderFiles } from './folder-files.js';
import type { ArchiveKind, ImageArchive } from './image-archive.js';
import { readOciLayout } from './oci-layout.js';
import { TarFiles } from './tar-files.js';

export interface OpenArchiveOptions {
  /** For what must lie in a file to be read at any place: streams and compressed archives. Made when it is needed. */
  readonly spoolFolder: string;
  /** Only this kind; absent: an OCI image layout before a docker-archive. */
  readonly kind?: ArchiveKind | undefined;
  readonly limits?: ArchiveLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens an archive of images: a folder with an OCI image layout, or a tar file (also compressed with gzip or zstd) of one or of a docker-archive.
 * What is both, as Docker writes since 25, is read as an OCI image layout, which keeps the digests.
 *
 * Errors: those of {@link archiveErrorKinds}, `resource-exhausted` when the disk is full, `permission-denied`.
 */
export async function openArchive(source: string | Readable, options: OpenArchiveOptions): Promise<ImageArchive> {
  const files = typeof source === 'string' ? await filesAt(source, options) : await filesOf(source, options);
  try {
    const archive =
      (options.kind === 'docker' ? undefined : await readOciLayout(files)) ??
      (options.kind === 'oci' ? undefined : await readDockerArchive(files, options.signal));
    if (archive !== undefined) return archive;
    throw notOfImages(files, options.kind);
  } catch (error) {
    await files[Symbol.asyncDispose]();
    throw error;
  }
}

function notOfImages({ what }: ArchiveFiles, kind: ArchiveKind | undefined): Error {
  const [found, hint] = {
    oci: ['"oci-layout"', 'a docker-archive is named docker-archive:FILE'],
    docker: ['"manifest.json"', 'an OCI image layout is named oci:DIRECTORY or oci-archive:FILE'],
    any: ['"oci-layout" or "manifest.json"', 'slipway import makes an image of a tar file of a root file system'],
  }[kind ?? 'any'];
  return archiveError('ARCHIVE_FORMAT_UNKNOWN', `${what} is no archive of images: it has no ${found}`, { hint });
}

async function filesAt(path: string, options: OpenArchiveOptions): Promise<ArchiveFiles> {
  const what = `archive ${JSON.stringify(path)}`;
  let file: FileHandle;
  try {
    // A FIFO without a writer must not hold us up.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR'))
      throw archiveError('ARCHIVE_NOT_FOUND', `there is no ${what}`, { cause: error, details: { path } });
    throw wrapError(`open ${what}`, error);
  }
  let isTaken = false;
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) return await FolderFiles.at(path);
    if (!stat.isFile())
      throw archiveError('ARCHIVE_FORMAT_UNKNOWN', `${what} is neither a file nor a folder`, {
        hint: 'give a stream by standard input',
      });
    const beginning = Buffer.alloc(magicBytes);
    await readFully(file, beginning, 0);
    const compression = compressionOf(what, beginning);
    if (compression === undefined) {
      isTaken = true;
      return await TarFiles.of(what, file, stat.size, limitsOf(options), options.signal);
    }
    const bytes = { size: stat.size, read: (target: Buffer, position: number) => readFully(file, target, position) };
    return await spooled(what, decompressed(what, contentOf(bytes), compression), options);
  } finally {
    if (!isTaken) await file.close();
  }
}

async function filesOf(stream: Readable, options: OpenArchiveOptions): Promise<ArchiveFiles> {
  const what = 'archive';
  const { signal } = options;
  const abort = (): void => void stream.destroy();
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted === true) abort();
  try {
    const [beginning, whole] = await peeked(stream);
    const compression = compressionOf(what, beginning);
    return await spooled(what, compression === undefined ? whole : decompressed(what, whole, compression), options);
  } catch (error) {
    // A stream that was destroyed says that it ended too early.
    throw signal?.aborted === true ? canceled(`read ${what}`, signal) : wrapError(`read ${what}`, error);
  } finally {
    signal?.removeEventListener('abort', abort);
    stream.destroy();
  }
}

async function spooled(what: string, source: AsyncIterable<Uint8Array>, options: OpenArchiveOptions): Promise<ArchiveFiles> {
  const limits = limitsOf(options);
  const file = await namelessFile(options.spoolFolder);
  let size: number;
  try {
    size = await spool(source, file, { what, limit: limits.spooledBytes, signal: options.signal });
  } catch (error) {
    await file.close();
    throw wrapError(`unpack ${what}`, error);
  }
  return TarFiles.of(what, file, size, limits, options.signal);
}

/** The first bytes, and all bytes again from the first on. */
async function peeked(stream: Readable): Promise<[Buffer, AsyncIterable<Uint8Array>]> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let beginning = Buffer.alloc(0);
  while (beginning.length < magicBytes) {
    const next = await chunks.next();
    if (next.done === true) break;
    beginning = Buffer.concat([beginning, Buffer.from(next.value)]);
  }
  const whole = async function* (): AsyncGenerator<Uint8Array> {
    yield beginning;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield Buffer.from(next.value);
  };
  return [beginning, whole()];
}

function limitsOf({ limits = archiveLimits }: OpenArchiveOptions): ArchiveLimits {
  return limits;
}
