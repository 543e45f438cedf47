import type { LinuxSystem, Path } from '@slipway/linux';
import { hasCode } from '@slipway/plugin-api';
import { toPath } from '../bytes.js';
import { isOverlayMark, type Xattr } from '../tar/entry.js';

/** All extended attributes that count as content; none where the file system has none. */
export function readXattrs(system: LinuxSystem, path: Path): Xattr[] {
  const xattrs: Xattr[] = [];
  for (const name of listXattrs(system, path)) {
    const value = system.lgetxattr(path, toPath(name));
    if (value) xattrs.push({ name, value });
  }
  return xattrs;
}

/** Names of all extended attributes but overlayfs' own. */
export function listXattrs(system: LinuxSystem, path: Path): string[] {
  try {
    return system
      .llistxattr(path)
      .map((name) => name.toString('latin1'))
      .filter((name) => !isOverlayMark(name));
  } catch (error) {
    if (isUnsupported(error)) return [];
    throw error;
  }
}

/** Whether new files in the directory start with an access control list that no layer gave them. */
export function hasDefaultAcl(system: LinuxSystem, path: Path): boolean {
  try {
    return system.lgetxattr(path, 'system.posix_acl_default') !== undefined;
  } catch (error) {
    if (isUnsupported(error)) return false;
    throw error;
  }
}

/** The file system has no attributes of this kind. */
export function isUnsupported(error: unknown): boolean {
  return hasCode(error, 'ENOTSUP', 'EOPNOTSUPP');
}
