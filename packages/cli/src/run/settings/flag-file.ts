import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { SlipwayError, wrapError } from '@slipway/plugin-api';

/** More than anybody writes by hand, or for a tool. */
const maxBytes = 4 * 1024 * 1024;

/** The text of a file that a flag names. A FIFO, a device and what is too large are refused without being read. Errors: `FLAG_FILE_INVALID`; of the file system. */
export function readFlagFile(flag: string, file: string): string {
  const what = `--${flag} ${JSON.stringify(file)}`;
  const bytes = readRegular(what, file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw refused(`${what} is not UTF-8`, error);
  }
}

/** As {@link readFlagFile}, of JSON. */
export function readFlagJson(flag: string, file: string): unknown {
  try {
    return JSON.parse(readFlagFile(flag, file));
  } catch (error) {
    if (error instanceof SyntaxError) throw refused(`--${flag} ${JSON.stringify(file)} is not JSON: ${error.message}`, error);
    throw error;
  }
}

function readRegular(what: string, file: string): Buffer {
  let fd: number;
  try {
    // Without it a FIFO would be waited for.
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw wrapError(what, error);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw refused(`${what} is not a regular file`);
    if (stat.size > maxBytes) throw refused(`${what} has ${stat.size} bytes, at most ${maxBytes} are read`);
    return readAll(fd, what);
  } finally {
    closeSync(fd);
  }
}

/** Files of /proc say that they are empty. */
function readAll(fd: number, what: string): Buffer {
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(fd, buffer, length, buffer.length - length, length);
    if (read === 0) return buffer.subarray(0, length);
    length += read;
  }
  throw refused(`${what} has more than the ${maxBytes} bytes that are read`);
}

function refused(message: string, cause?: unknown): SlipwayError {
  return new SlipwayError({ kind: 'invalid-argument', code: 'FLAG_FILE_INVALID', message, cause });
}
