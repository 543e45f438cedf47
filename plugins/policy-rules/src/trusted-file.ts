import { constants } from 'node:fs';
import { lstat, open, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { SlipwayError, wrapError } from '@slipway/plugin-api';

/**
 * Reads a file that only root can change, with every folder and link on the way to it; run by another user, any file of at most
 * `limit` bytes. Errors: `failed-precondition`, and those of the system.
 */
export async function readTrustedFile(what: string, file: string, limit: number): Promise<Buffer> {
  try {
    if (process.geteuid?.() === 0) await requireTrusted(what, file, new Set());
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

async function requireTrusted(what: string, entry: string, checked: Set<string>): Promise<void> {
  if (checked.has(entry)) return;
  checked.add(entry);
  const folder = path.dirname(entry);
  if (folder !== entry) await requireTrusted(what, folder, checked);
  const stat = await lstat(entry);
  if (stat.uid !== 0) throw unusable(`${what} "${entry}" is owned by user ${stat.uid}, expected root`, `chown root "${entry}"`);
  if (stat.isSymbolicLink()) {
    const target = path.resolve(await realpath(folder), await readlink(entry));
    await requireTrusted(what, target, checked);
  } else if ((stat.mode & 0o022) !== 0 && !(stat.isDirectory() && (stat.mode & 0o1000) !== 0)) {
    // With the sticky bit (/tmp) nobody else can replace what root has put there.
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
    throw unusable(`${what} "${entry}" has mode ${mode}: others than root can change it`, `chmod go-w "${entry}"`);
  }
}

function unusable(message: string, hint?: string): SlipwayError {
  return new SlipwayError({ kind: 'failed-precondition', code: 'RULES_KEY_UNTRUSTED', message, hint });
}
