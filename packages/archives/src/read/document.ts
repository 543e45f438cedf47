import { isSlipwayError } from '@slipway/plugin-api';
import { type ArchiveErrorCode, archiveError } from '../errors.js';
import type { ArchiveFiles } from './files.js';

/** Reads a small file whole. Undefined when there is none. Errors: `resource-exhausted` over `limit` bytes. */
export async function readSmall(files: ArchiveFiles, name: string, limit: number): Promise<Buffer | undefined> {
  await using file = await files.open(name);
  if (file === undefined) return undefined;
  if (file.size > limit)
    throw archiveError(
      'ARCHIVE_TOO_LARGE',
      `${files.what}: ${JSON.stringify(name)} has ${file.size} bytes, at most ${limit} are read`,
    );
  const bytes = Buffer.alloc(file.size);
  const count = await file.read(bytes, 0);
  return bytes.subarray(0, count);
}

export function parseJson(files: ArchiveFiles, name: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    throw invalidDocument(files, name, 'it is not JSON');
  }
}

export function invalidDocument(files: ArchiveFiles, name: string, problem: string): Error {
  return archiveError('ARCHIVE_INVALID', `${files.what}: ${JSON.stringify(name)} is malformed: ${problem}`);
}

/** What a check of a document finds, said of the archive. */
export function inArchive<T>(files: ArchiveFiles, name: string, read: () => T, code: ArchiveErrorCode = 'ARCHIVE_INVALID'): T {
  try {
    return read();
  } catch (error) {
    if (!isSlipwayError(error)) throw error;
    throw archiveError(code, `${files.what}: ${JSON.stringify(name)}: ${error.message}`, { cause: error, hint: error.hint });
  }
}
