import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import path from 'node:path';
import { type ContentReader, throwIfAborted } from '@slipway/plugin-api';

const chunkBytes = 1 << 20;

/** Copies a blob that no local file backs to a file without a name, which is gone when it is closed. */
export async function spool(reader: ContentReader, directory: string, signal: AbortSignal | undefined): Promise<FileHandle> {
  const name = path.join(directory, `spool-${randomBytes(8).toString('hex')}`);
  const file = await open(name, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await unlink(name);
    const buffer = Buffer.allocUnsafeSlow(chunkBytes);
    for (let at = 0; at < reader.size; ) {
      throwIfAborted('read layer', signal);
      const bytes = await reader.read(buffer, at);
      if (bytes === 0) break;
      // A write that fills the disk is short; only the next one fails.
      for (let done = 0; done < bytes; ) done += (await file.write(buffer, done, bytes - done, at + done)).bytesWritten;
      at += bytes;
    }
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
