import { type ByteString, quote } from '../bytes.js';
import { entryError } from '../errors.js';
import type { EntryType, TarEntry, Xattr } from './entry.js';
import { type HeaderFormat, headerPath, textField } from './header.js';
import { parseNumber } from './number.js';
import type { Extension } from './pax.js';
import { readOldSparse } from './sparse.js';

/** A header block read together with what the headers before it said. */
export interface DescribedEntry {
  readonly entry: TarEntry;
  /** Bytes that follow in the archive, padding and a sparse map's blocks not counted apart. */
  readonly storedBytes: number;
  /** Set when the stored bytes are not the file itself. */
  readonly sparse: DescribedSparse | undefined;
}

export interface DescribedSparse {
  readonly map: number[];
  /** Where the rest of the map is: nowhere, in blocks before the data (1.0), in blocks of GNU tar's old form. */
  readonly rest: 'none' | 'text' | 'old';
}

const types: Readonly<Record<string, EntryType>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  S: 'file',
};

// (uid_t)-1 means "leave it as it is" to chown(2): such an owner would silently become root's.
const highestId = 2 ** 32 - 2;
const highestMajor = 2 ** 12 - 1;
const highestMinor = 2 ** 20 - 1;
// XATTR_SIZE_MAX and XATTR_LIST_MAX: a longer value cannot be set, and more names cannot be listed again.
const longestXattr = 65536;
const mostXattrNameBytes = 65536;
const noXattrs: TarEntry['xattrs'] = [];

export function describeEntry(
  block: Buffer,
  offset: number,
  format: HeaderFormat,
  extension: Extension | undefined,
): DescribedEntry {
  const flag = String.fromCharCode(block[offset + 156] ?? 0);
  const paxSparse = extension?.sparse;
  const path = paxSparse?.name ?? extension?.path ?? headerPath(block, offset, format);
  const linkTarget = extension?.linkTarget ?? (block[offset + 157] === 0 ? '' : textField(block, offset + 157, 100));
  if (path.includes('\0') || linkTarget.includes('\0'))
    throw entryError('LAYER_NAME_INVALID', path, 'a name has a NUL byte in it');

  let type = types[flag];
  if (type === undefined) throw entryError('LAYER_TYPE_UNKNOWN', path, `unknown type ${quote(flag)}`);
  // Before POSIX had a type for directories, a slash at the end marked them.
  if (flag === '\0' && path.endsWith('/')) type = 'directory';

  const field = (name: string, at: number, length: number): number => {
    const value = parseNumber(block, offset + at, length);
    if (value === undefined) throw entryError('LAYER_HEADER_INVALID', path, `${name} is no number below 2^53`);
    return value;
  };
  const id = (name: string, value: number): number => {
    if (value < 0 || value > highestId)
      throw entryError('LAYER_HEADER_INVALID', path, `${name} ${value} is not from 0 to ${highestId}`);
    return value;
  };
  const size = extension?.size ?? field('size', 124, 12);
  if (size < 0) throw entryError('LAYER_HEADER_INVALID', path, `size ${size} is negative`);
  const isDevice = type === 'character' || type === 'block';
  const deviceMajor = isDevice && format !== 'v7' ? field('device major number', 329, 8) : 0;
  const deviceMinor = isDevice && format !== 'v7' ? field('device minor number', 337, 8) : 0;
  if (deviceMajor < 0 || deviceMajor > highestMajor || deviceMinor < 0 || deviceMinor > highestMinor)
    throw entryError('LAYER_DEVICE_INVALID', path, `there is no device ${deviceMajor}:${deviceMinor}`);

  let sparse: DescribedSparse | undefined;
  let fileSize = size;
  if (type === 'file' && flag === 'S') {
    fileSize = field('real size', 483, 12);
    sparse = { map: [], rest: block[offset + 482] === 0 ? 'none' : 'old' };
    if (!readOldSparse(block, offset + 386, 4, sparse.map))
      throw entryError('LAYER_HEADER_INVALID', path, 'sparse map is malformed');
  } else if (type === 'file' && paxSparse) {
    if (paxSparse.realSize === undefined) throw entryError('LAYER_HEADER_INVALID', path, 'sparse file without its real size');
    fileSize = paxSparse.realSize;
    sparse = { map: paxSparse.map, rest: paxSparse.major === 1 ? 'text' : 'none' };
  }
  if (fileSize < 0) throw entryError('LAYER_HEADER_INVALID', path, `real size ${fileSize} is negative`);

  const entry: TarEntry = {
    type,
    path,
    linkTarget,
    mode: field('mode', 100, 8) & 0o7777,
    uid: id('uid', extension?.uid ?? field('uid', 108, 8)),
    gid: id('gid', extension?.gid ?? field('gid', 116, 8)),
    size: type === 'file' ? fileSize : 0,
    mtimeSeconds: extension?.mtime?.seconds ?? field('mtime', 136, 12),
    mtimeNanoseconds: extension?.mtime?.nanoseconds ?? 0,
    deviceMajor,
    deviceMinor,
    xattrs: extension && extension.xattrs.size > 0 ? readXattrs(extension.xattrs, path) : noXattrs,
    isSparse: sparse ? true : undefined,
  };
  // Only files have bodies, whatever the size field of a link or directory says.
  return { entry, storedBytes: type === 'file' ? size : 0, sparse };
}

function readXattrs(byName: ReadonlyMap<ByteString, Buffer>, path: ByteString): Xattr[] {
  const xattrs: Xattr[] = [];
  let nameBytes = 0;
  for (const [name, value] of byName) {
    if (value.length > longestXattr)
      throw entryError(
        'LAYER_HEADER_INVALID',
        path,
        `its extended attribute ${quote(name)} has ${value.length} bytes, more than the ${longestXattr} that Linux takes`,
      );
    nameBytes += name.length + 1;
    if (nameBytes > mostXattrNameBytes)
      throw entryError(
        'LAYER_HEADER_INVALID',
        path,
        `the names of its ${byName.size} extended attributes are more than the ${mostXattrNameBytes} bytes that Linux takes`,
      );
    xattrs.push({ name, value });
  }
  return xattrs;
}
