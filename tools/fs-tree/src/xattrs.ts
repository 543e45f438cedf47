import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const llistxattr = libc.func('int64_t llistxattr(const char *path, _Out_ uint8_t *list, size_t size)');
const lgetxattr = libc.func('int64_t lgetxattr(const char *path, const char *name, _Out_ uint8_t *value, size_t size)');

const ENODATA = 61;
const EOPNOTSUPP = 95;
// The kernel's own limits: XATTR_LIST_MAX and XATTR_SIZE_MAX.
const buffer = Buffer.alloc(65536);

/** koffi passes a Buffer as a pointer, so a path keeps its bytes; C wants the zero at the end. */
function cString(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.of(0)]);
}

/** Extended attributes of the path itself, links not followed, values in hex; undefined when there are none. */
export function readXattrs(path: Buffer): Record<string, string> | undefined {
  const where = cString(path);
  const length = Number(llistxattr(where, buffer, buffer.length));
  if (length < 0) {
    if (koffi.errno() === EOPNOTSUPP) return undefined;
    throw new Error(`llistxattr ${JSON.stringify(path.toString())}: errno ${koffi.errno()}`);
  }
  if (length === 0) return undefined;
  const names = buffer
    .subarray(0, length - 1)
    .toString('latin1')
    .split('\0')
    .sort();
  const found: [string, string][] = [];
  for (const name of names) {
    if (name.startsWith('trusted.overlay.')) continue;
    const size = Number(lgetxattr(where, cString(Buffer.from(name, 'latin1')), buffer, buffer.length));
    if (size >= 0) found.push([name, buffer.subarray(0, size).toString('hex')]);
    else if (koffi.errno() !== ENODATA)
      throw new Error(`lgetxattr ${name} of ${JSON.stringify(path.toString())}: errno ${koffi.errno()}`);
  }
  return found.length > 0 ? Object.fromEntries(found) : undefined;
}
