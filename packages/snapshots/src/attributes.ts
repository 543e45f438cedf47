import { type BigIntStats, chmodSync, closeSync, constants, lchownSync, lstatSync, openSync } from 'node:fs';
import { linux, O_PATH, type Path } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';

/** What of a file's attributes is copied. */
export interface AttributeOptions {
  /** Leaves an attribute out by its name. */
  readonly skipXattr?: ((name: Buffer) => boolean) | undefined;
}

/**
 * Gives `to` the owner, mode, extended attributes and times of `from`. In this order: chown drops setuid bits and file
 * capabilities, and everything changes the times.
 */
export function copyAttributes(
  from: Path,
  to: Path,
  stats: BigIntStats = lstatSync(from, { bigint: true }),
  options: AttributeOptions = {},
): void {
  lchownSync(to, Number(stats.uid), Number(stats.gid));
  // A link has no mode of its own.
  if (!stats.isSymbolicLink()) setMode(to, Number(stats.mode & 0o7777n));
  for (const name of listXattrs(from)) {
    if (options.skipXattr?.(name) === true) continue;
    const value = linux.lgetxattr(from, name);
    if (value !== undefined) linux.lsetxattr(to, name, value);
  }
  linux.lutimes(to, stats.atimeNs, stats.mtimeNs);
}

/** chmod(2) follows links, and a container that sees the place may have put one there since. */
function setMode(path: Path, mode: number): void {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    chmodSync(`/proc/self/fd/${fd}`, mode);
  } finally {
    closeSync(fd);
  }
}

function listXattrs(path: Path): readonly Buffer[] {
  try {
    return linux.llistxattr(path);
  } catch (error) {
    // A file system without extended attributes has none to copy.
    if (hasCode(error, 'ENOTSUP', 'EOPNOTSUPP')) return [];
    throw error;
  }
}
