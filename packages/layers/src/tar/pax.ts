import { type ByteString, quote } from '../bytes.js';
import { layerError } from '../errors.js';
import { isOverlayMark } from './entry.js';
import { parseDecimal, parseTime } from './number.js';

/** What PAX records (POSIX.1-2001, pax, "extended header") and GNU's long names say about the entry after them. */
export interface Extension {
  path?: ByteString;
  linkTarget?: ByteString;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: { readonly seconds: number; readonly nanoseconds: number };
  /** By name: a record replaces the one of its name before it. */
  readonly xattrs: Map<ByteString, Buffer>;
  sparse?: PaxSparse;
}

/** GNU tar's sparse files in PAX form, versions 0.0, 0.1 (a map in the records) and 1.0 (a map before the data). */
export interface PaxSparse {
  major?: number;
  name?: ByteString;
  realSize?: number;
  /** Offset, length, offset, length ... */
  map: number[];
}

const xattrPrefix = 'SCHILY.xattr.';

/** Adds the records of one extended header: `length SP key = value LF`, where the length counts its own digits. */
export function readRecords(body: Buffer, owner: ByteString, extension: Extension): void {
  let at = 0;
  while (at < body.length) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 || space - at > 8 ? '' : body.toString('latin1', at, space);
    const length = /^[0-9]+$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = body.indexOf(0x3d, space);
    if (length === 0 || end > body.length || equals < 0 || equals >= end || equals === space + 1 || body[end - 1] !== 0x0a)
      throw invalid(owner, `record at byte ${at} is malformed`);
    readRecord(body.toString('latin1', space + 1, equals), body.subarray(equals + 1, end - 1), owner, extension);
    at = end;
  }
}

function readRecord(key: ByteString, value: Buffer, owner: ByteString, extension: Extension): void {
  if (key.includes('\0')) throw invalid(owner, `key ${quote(key)} has a NUL`);
  if (key.startsWith(xattrPrefix)) {
    const name = key.slice(xattrPrefix.length);
    if (name === '') throw invalid(owner, 'extended attribute without a name');
    if (!isOverlayMark(name)) extension.xattrs.set(name, value);
  } else if (key.startsWith('GNU.sparse.')) {
    extension.sparse ??= { map: [] };
    readSparseRecord(key.slice('GNU.sparse.'.length), value.toString('latin1'), owner, extension.sparse);
  } else if (value.length > 0) {
    readField(key, value.toString('latin1'), owner, extension);
  }
}

function readField(key: ByteString, text: ByteString, owner: ByteString, extension: Extension): void {
  switch (key) {
    case 'path':
      extension.path = text;
      break;
    case 'linkpath':
      extension.linkTarget = text;
      break;
    case 'size':
      extension.size = number(key, text, owner);
      break;
    case 'uid':
      extension.uid = number(key, text, owner);
      break;
    case 'gid':
      extension.gid = number(key, text, owner);
      break;
    case 'mtime': {
      const time = parseTime(text);
      if (!time) throw invalid(owner, `mtime ${quote(text)} is no time`);
      extension.mtime = time;
      break;
    }
  }
}

function readSparseRecord(key: string, text: ByteString, owner: ByteString, sparse: PaxSparse): void {
  switch (key) {
    case 'major':
      sparse.major = number(key, text, owner);
      break;
    case 'name':
      sparse.name = text;
      break;
    case 'size':
    case 'realsize':
      sparse.realSize = number(key, text, owner);
      break;
    case 'offset':
    case 'numbytes':
      // 0.0 repeats the two keys, offset first.
      if ((sparse.map.length % 2 === 0) !== (key === 'offset')) throw invalid(owner, 'sparse map is out of order');
      sparse.map.push(number(key, text, owner));
      break;
    case 'map':
      sparse.map = text === '' ? [] : text.split(',').map((item) => number(key, item, owner));
      break;
  }
}

function number(key: string, text: ByteString, owner: ByteString): number {
  const value = parseDecimal(text);
  if (value === undefined) throw invalid(owner, `${key} ${quote(text)} is no number below 2^53`);
  return value;
}

function invalid(owner: ByteString, problem: string): Error {
  return layerError('LAYER_HEADER_INVALID', `PAX header ${quote(owner)}: ${problem}`);
}
