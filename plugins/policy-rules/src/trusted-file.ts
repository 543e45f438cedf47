import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { SlipwayError, wrapError } from '@slipway/plugin-api';
import { TrustedPaths } from '@slipway/trust';

/**
 * Reads a file that only root can change, with every folder and link on the way to it; run by another user, any file of at most
 * `limit` bytes. Errors: `failed-precondition`, and those of the system.
 */
export async function readTrustedFile(what: string, file: string, limit: number): Promise<Buffer> {
  try {
    const found = process.geteuid?.() === 0 ? new TrustedPaths().whole(file) : undefined;
    if (found !== undefined) throw unusable(`${what} "${found.entry}" ${found.why}`, found.hint);
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (!stat.isFile()) throw unusable(`${what} "${file}" is no regular file`);
    const bytes = Buffer.alloc(limit + 1);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    if (bytesRead > limit) throw unusable(`${what} "${file}" has more than ${limit} bytes`);
    return bytes.subarray(0, bytesRead);
  } catch (error) {
    throw wrapError(`read ${what} "${file}"`, error);
  }
}

function unusable(message: string, hint?: string): SlipwayError {
  return new SlipwayError({ kind: 'failed-precondition', code: 'RULES_KEY_UNTRUSTED', message, hint });
}
