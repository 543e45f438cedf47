import { type ByteString, quote } from '../bytes.js';
import { entryError } from '../errors.js';
import type { EntryType, TarEntry } from './entry.js';
import { blockSize } from './header.js';

const typeFlags: Readonly<Record<EntryType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** Bytes of the header's fields. */
const nameBytes = 100;
const prefixBytes = 155;
const highestOctal7 = 0o7777777;
const highestOctal11 = 0o77777777777;

const notAscii = /[\x80-\xff]/;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The header of an entry: one ustar block, before it a PAX header with what does not fit there, as POSIX.1-2001 has it. Nothing but
 * the entry goes into it, so the same entry is the same bytes. Names and values are written as the bytes that they are.
 *
 * Errors: `LAYER_NAME_INVALID` for an extended attribute that no PAX record can name, `LAYER_TOO_LARGE` past `limit` bytes of PAX header.
 */
export function encodeEntry(entry: TarEntry, limit: number): Buffer {
  const pax = new PaxRecords();
  const name = splitName(entry.path);
  if (!name) pax.add('path', entry.path);
  if (entry.linkTarget.length > nameBytes) pax.add('linkpath', entry.linkTarget);
  if (entry.size > highestOctal11) pax.add('size', `${entry.size}`);
  if (entry.uid > highestOctal7) pax.add('uid', `${entry.uid}`);
  if (entry.gid > highestOctal7) pax.add('gid', `${entry.gid}`);
  const isPlainTime = entry.mtimeNanoseconds === 0 && entry.mtimeSeconds >= 0 && entry.mtimeSeconds <= highestOctal11;
  if (!isPlainTime) pax.add('mtime', timeText(entry.mtimeSeconds, entry.mtimeNanoseconds));
  for (const { name: xattr, value } of entry.xattrs) {
    if (xattr.includes('='))
      throw entryError(
        'LAYER_NAME_INVALID',
        entry.path,
        `its extended attribute ${quote(xattr)} has an equals sign in its name, which no layer can describe`,
      );
    pax.add(`SCHILY.xattr.${xattr}`, value);
  }
  const records = pax.bytes();
  if (records.length > limit)
    throw entryError(
      'LAYER_TOO_LARGE',
      entry.path,
      `its header of ${records.length} bytes of names and extended attributes is over the limit of ${limit}`,
    );
  const header = headerBlock({
    name: name ?? { prefix: '', name: entry.path.slice(0, nameBytes) },
    flag: typeFlags[entry.type],
    linkTarget: entry.linkTarget.slice(0, nameBytes),
    mode: entry.mode,
    uid: entry.uid > highestOctal7 ? 0 : entry.uid,
    gid: entry.gid > highestOctal7 ? 0 : entry.gid,
    size: entry.size > highestOctal11 ? 0 : entry.size,
    mtime: isPlainTime ? entry.mtimeSeconds : 0,
    device: entry.type === 'character' || entry.type === 'block' ? [entry.deviceMajor, entry.deviceMinor] : [0, 0],
  });
  if (records.length === 0) return header;
  const paxHeader = headerBlock({ ...paxHeaderFields, size: records.length });
  return Buffer.concat([paxHeader, records, Buffer.alloc(paddingOf(records.length)), header]);
}

/** Zero bytes between `size` bytes of content and the next header. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

interface HeaderFields {
  readonly name: { readonly prefix: ByteString; readonly name: ByteString };
  readonly flag: string;
  readonly linkTarget: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly device: readonly [number, number];
}

const paxHeaderFields: HeaderFields = {
  name: { prefix: '', name: 'PaxHeaders.0/entry' },
  flag: 'x',
  linkTarget: '',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  device: [0, 0],
};

function headerBlock(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(blockSize);
  const octal = (value: number, offset: number, length: number): void =>
    void block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  block.write(fields.name.name, 0, 'latin1');
  octal(fields.mode, 100, 8);
  octal(fields.uid, 108, 8);
  octal(fields.gid, 116, 8);
  octal(fields.size, 124, 12);
  octal(fields.mtime, 136, 12);
  block.write(fields.flag, 156, 'latin1');
  block.write(fields.linkTarget, 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(fields.device[0], 329, 8);
  octal(fields.device[1], 337, 8);
  block.write(fields.name.prefix, 345, 'latin1');
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A path over the two fields of ustar, which a slash between them joins again; undefined when it does not fit. */
function splitName(path: ByteString): { readonly prefix: ByteString; readonly name: ByteString } | undefined {
  if (path.length <= nameBytes) return { prefix: '', name: path };
  // The first slash that leaves a name short enough; the one at a directory's end would leave none.
  const slash = path.indexOf('/', path.length - nameBytes - 1);
  if (slash <= 0 || slash > prefixBytes || slash === path.length - 1) return undefined;
  return { prefix: path.slice(0, slash), name: path.slice(slash + 1) };
}

/** Seconds since 1970 with all digits that count: -1.5 is half a second before -1. */
function timeText(seconds: number, nanoseconds: number): string {
  const [whole, fraction] = seconds < 0 && nanoseconds > 0 ? [seconds + 1, 1e9 - nanoseconds] : [seconds, nanoseconds];
  const sign = seconds < 0 && whole === 0 ? '-' : '';
  const digits = fraction === 0 ? '' : `.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
  return `${sign}${whole}${digits}`;
}

/** Records of one PAX header: `length SP key = value LF`, where the length counts its own digits. */
class PaxRecords {
  readonly #records: Buffer[] = [];
  #isBinary = false;

  add(key: ByteString, value: ByteString | Buffer): void {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
    if (typeof value === 'string' && notAscii.test(value) && !isUtf8(bytes)) this.#isBinary = true;
    this.#records.push(record(Buffer.from(key, 'latin1'), bytes));
  }

  bytes(): Buffer {
    // POSIX: without it the values of `path` and `linkpath` are UTF-8.
    if (this.#isBinary) this.#records.unshift(record(Buffer.from('hdrcharset'), Buffer.from('BINARY')));
    return Buffer.concat(this.#records);
  }
}

function isUtf8(bytes: Buffer): boolean {
  try {
    strictUtf8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function record(key: Buffer, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest;
  while (`${length}`.length + rest !== length) length = `${length}`.length + rest;
  return Buffer.concat([Buffer.from(`${length} `), key, Buffer.from('='), value, Buffer.from('\n')]);
}
