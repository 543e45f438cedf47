import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { quote } from '@slipway/oci';
import { SlipwayError, wrapError } from '@slipway/plugin-api';

/**
 * As root, nobody else may be able to change what says whom to trust: the file and the folders above it belong to root, and others cannot write
 * to them, but for folders with the sticky bit. Errors: `permission-denied`.
 */
export async function requireTrusted(file: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  for (const start of new Set([path.resolve(file), await resolved(file)]))
    for (let entry = start; ; entry = path.dirname(entry)) {
      await requireTrustedEntry(entry);
      if (entry === path.dirname(entry)) break;
    }
}

async function resolved(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    throw wrapError(`reading ${quote(file)}`, error);
  }
}

async function requireTrustedEntry(entry: string): Promise<void> {
  const stat = await lstat(entry);
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
  const isSticky = stat.isDirectory() && (stat.mode & 0o1000) !== 0;
  const why =
    stat.uid !== 0
      ? `is owned by user ${stat.uid}, expected root`
      : !stat.isSymbolicLink() && !isSticky && (stat.mode & 0o022) !== 0
        ? `has mode ${mode}: others than root can change what root would trust`
        : undefined;
  if (why === undefined) return;
  throw new SlipwayError({
    kind: 'permission-denied',
    code: 'UNTRUSTED_FILE',
    message: `settings of registry hosts: ${quote(entry)} ${why}`,
    hint: stat.uid === 0 ? `chmod go-w ${quote(entry)}` : `chown root ${quote(entry)}`,
  });
}
