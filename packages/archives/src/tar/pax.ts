import type { ByteString } from '@slipway/layers';
import { archiveError } from '../errors.js';

/** What extended headers say of the member after them, as far as archives of images need it. */
export interface Extension {
  readonly path?: ByteString;
  readonly linkTarget?: ByteString;
  readonly size?: number;
  readonly isSparse?: boolean;
}

/** Records of a PAX header (POSIX.1-2001): `length SP key = value LF`, where the length counts its own digits. */
export function readPaxRecords(what: string, body: Buffer): Extension {
  let extension: Extension = {};
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 || space - at > 8 ? '' : body.toString('latin1', at, space);
    const end = at + (/^[0-9]+$/.test(digits) ? Number(digits) : 0);
    const equals = body.indexOf(0x3d, space);
    if (end <= at || end > body.length || equals < 0 || equals >= end || body[end - 1] !== 0x0a)
      throw archiveError('ARCHIVE_INVALID', `${what}: the record at byte ${at} of a PAX header is malformed`);
    const key = body.toString('latin1', space + 1, equals);
    const value = body.toString('latin1', equals + 1, end - 1);
    if (key === 'path' && value !== '') extension = { ...extension, path: value };
    else if (key === 'linkpath' && value !== '') extension = { ...extension, linkTarget: value };
    else if (key === 'size') extension = { ...extension, size: sizeOf(what, value) };
    else if (key.startsWith('GNU.sparse.')) extension = { ...extension, isSparse: true };
    at = end;
  }
  return extension;
}

function sizeOf(what: string, text: string): number {
  const size = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(size))
    throw archiveError('ARCHIVE_INVALID', `${what}: a PAX header has a size that is no number below 2^53`);
  return size;
}
