import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { O_PATH } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';
import type { ByteString } from '../bytes.js';
import { copyError } from './errors.js';

// O_PATH: opening a device can do something, as with a watchdog. Only what turns out to be a file is opened to be read.
const looking = O_PATH | constants.O_NOFOLLOW;
// O_NONBLOCK: whoever has a lease on the file is not waited for.
const reading = constants.O_RDONLY | constants.O_NONBLOCK;

/** The regular file that has the name now. Errors: COPY_CHANGED when it is something else by now; ENOENT. */
export function openLiveFile(place: string | Buffer, path: ByteString): { readonly fd: number; readonly stats: BigIntStats } {
  const found = openSync(place, looking);
  try {
    const stats = fstatSync(found, { bigint: true });
    if (!stats.isFile()) throw changed(path, 'it is no file any more');
    return { fd: openToRead(found), stats };
  } finally {
    closeSync(found);
  }
}

/** Reading leaves no trace where that may be asked for: network file systems and files of others do not allow it. */
function openToRead(found: number): number {
  try {
    return openSync(`/proc/self/fd/${found}`, reading | constants.O_NOATIME);
  } catch (error) {
    if (!hasCode(error, 'EPERM')) throw error;
    return openSync(`/proc/self/fd/${found}`, reading);
  }
}

/** Fills the buffer: its header has promised so many bytes. */
export function readLive(fd: number, buffer: Buffer, position: number, path: ByteString): void {
  for (let done = 0; done < buffer.length; ) {
    const bytes = readSome(fd, buffer, done, position + done, path);
    if (bytes === 0) throw changed(path, 'it was cut short while it was read');
    done += bytes;
  }
}

function readSome(fd: number, buffer: Buffer, offset: number, position: number, path: ByteString): number {
  try {
    return readSync(fd, buffer, offset, buffer.length - offset, position);
  } catch (error) {
    throw hasCode(error, 'ESTALE') ? changed(path, 'it was removed while it was read') : error;
  }
}

function changed(path: ByteString, problem: string): Error {
  return copyError('COPY_CHANGED', path, problem, 'stop or pause what writes to it, and copy again');
}
