import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, unlink } from 'node:fs/promises';
import path from 'node:path';
import { throwIfAborted, wrapError } from '@slipway/plugin-api';
import { archiveError } from './errors.js';

/** A new file without a name: whichever way its user ends, it is gone. */
export async function namelessFile(folder: string): Promise<FileHandle> {
  const name = path.join(folder, `spool-${randomBytes(8).toString('hex')}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { O_RDWR, O_CREAT, O_EXCL } = constants;
    const file = await open(name, O_RDWR | O_CREAT | O_EXCL, 0o600);
    try {
      await unlink(name);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    throw wrapError(`make a temporary file in ${JSON.stringify(folder)}`, error);
  }
}

export interface SpoolOptions {
  /** What it is, for the errors. */
  readonly what: string;
  readonly limit: number;
  readonly position?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Writes a stream into a file from `position` on. Returns the count of bytes. Errors: `resource-exhausted`. */
export async function spool(source: AsyncIterable<Uint8Array>, file: FileHandle, options: SpoolOptions): Promise<number> {
  const { what, limit, position = 0, signal } = options;
  let bytes = 0;
  for await (const chunk of source) {
    throwIfAborted(what, signal);
    if (bytes + chunk.byteLength > limit)
      throw archiveError('ARCHIVE_TOO_LARGE', `${what}: it is over the limit of ${limit} bytes`);
    await writeAt(file, chunk, position + bytes);
    bytes += chunk.byteLength;
  }
  throwIfAborted(what, signal);
  return bytes;
}

/** A write that fills the disk is short; only the next one fails. */
export async function writeAt(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.byteLength; )
    done += (await file.write(chunk, done, chunk.byteLength - done, position + done)).bytesWritten;
}
