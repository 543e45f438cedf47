import { type BigIntStats, chmodSync, lchownSync, lstatSync } from 'node:fs';
import { linux, type Path } from '@slipway/linux';
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
  // chmod follows links; a link has no mode of its own.
  if (!stats.isSymbolicLink()) chmodSync(to, Number(stats.mode & 0o7777n));
  for (const name of listXattrs(from)) {
    if (options.skipXattr?.(name) === true) continue;
    const value = linux.lgetxattr(from, name);
    if (value !== undefined) linux.lsetxattr(to, name, value);
  }
  linux.lutimes(to, stats.atimeNs, stats.mtimeNs);
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
