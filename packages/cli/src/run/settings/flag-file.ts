import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { SlipwayError, wrapError } from '@slipway/plugin-api';

/** More than anybody writes by hand, or for a tool. */
const maxBytes = 4 * 1024 * 1024;

/** The text of a file or pipe that a flag names. A device and what is too large are refused. Errors: `FLAG_FILE_INVALID`; of the file system. */
export function readFlagFile(flag: string, file: string): string {
  const what = `--${flag} ${JSON.stringify(file)}`;
  const bytes = readBounded(what, file);
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

const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;

function readBounded(what: string, file: string): Buffer {
  let fd: number;
  try {
    // A pipe is waited for, as `<(command)` gives one; a device is not.
    fd = openSync(file, O_RDONLY | O_NOCTTY | (statSync(file).isFIFO() ? 0 : O_NONBLOCK));
  } catch (error) {
    throw wrapError(what, error);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() && !stat.isFIFO() && !isNull(stat)) throw refused(`${what} is neither a file nor a pipe`);
    if (stat.size > maxBytes) throw refused(`${what} has ${stat.size} bytes, at most ${maxBytes} are read`);
    return readAll(fd, what);
  } finally {
    closeSync(fd);
  }
}

/** /dev/null: nothing. */
function isNull(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0x103;
}

/** Files of /proc say that they are empty. */
function readAll(fd: number, what: string): Buffer {
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    if (read === 0) return buffer.subarray(0, length);
    length += read;
  }
  throw refused(`${what} has more than the ${maxBytes} bytes that are read`);
}

function refused(message: string, cause?: unknown): SlipwayError {
  return new SlipwayError({ kind: 'invalid-argument', code: 'FLAG_FILE_INVALID', message, cause });
}
