import { cString } from './bytes.js';
import { checked, errnoName } from './errors.js';
import { libc } from './libc.js';
import type { Path } from './system.js';

/** XATTR_SIZE_MAX and XATTR_LIST_MAX: no value or list is larger, so one call is enough. */
const largest = 65536;
let scratch: Buffer | undefined;

function buffer(): Buffer {
  scratch ??= Buffer.alloc(largest);
  return scratch;
}

export function lsetxattr(path: Path, name: Path, value: Uint8Array): void {
  checked(libc().lsetxattr(cString(path), cString(name), value, value.length, 0), 'lsetxattr', path);
}

export function fsetxattr(fd: number, name: Path, value: Uint8Array): void {
  checked(libc().fsetxattr(fd, cString(name), value, value.length, 0), 'fsetxattr');
}

export function lgetxattr(path: Path, name: Path): Buffer | undefined {
  const size = libc().lgetxattr(cString(path), cString(name), buffer(), largest);
  if (size === -1 && errnoName(libc().errno()) === 'ENODATA') return undefined;
  return Buffer.from(buffer().subarray(0, checked(size, 'lgetxattr', path)));
}

export function llistxattr(path: Path): Buffer[] {
  const size = checked(libc().llistxattr(cString(path), buffer(), largest), 'llistxattr', path);
  const list = Buffer.from(buffer().subarray(0, size));
  const names: Buffer[] = [];
  for (let start = 0, end = list.indexOf(0); end !== -1; start = end + 1, end = list.indexOf(0, start)) {
    names.push(list.subarray(start, end));
  }
  return names;
}

export function lremovexattr(path: Path, name: Path): void {
  checked(libc().lremovexattr(cString(path), cString(name)), 'lremovexattr', path);
}
