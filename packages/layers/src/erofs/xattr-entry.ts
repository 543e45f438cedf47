import { type ByteString, quote } from '../bytes.js';
import type { Xattr } from '../tar/entry.js';
import { erofsError } from './errors.js';
import { joinXattrName, longestName, splitXattrName } from './format.js';

const headerBytes = 4;
const longestValue = 0xffff;

/** An extended attribute as it is on disk, without padding: a string takes half the memory of a buffer of this size. */
export function encodeXattr(name: ByteString, value: Buffer): ByteString {
  const split = splitXattrName(name);
  if (!split || split.suffix.length > longestName)
    throw erofsError('EROFS_CANNOT_HOLD', `an extended attribute ${quote(name)} cannot be in an EROFS image`);
  if (value.length > longestValue)
    throw erofsError(
      'EROFS_CANNOT_HOLD',
      `the extended attribute ${quote(name)} has ${value.length} bytes, and an EROFS image can hold ${longestValue}`,
    );
  const head = String.fromCharCode(split.suffix.length, split.index, value.length & 0xff, value.length >> 8);
  return head + split.suffix + value.toString('latin1');
}

export function decodeXattr(encoded: Buffer): Xattr {
  const nameEnd = headerBytes + (encoded[0] ?? 0);
  const suffix = encoded.toString('latin1', headerBytes, nameEnd);
  return { name: joinXattrName({ index: encoded[1] ?? 0, suffix }) ?? '', value: Buffer.from(encoded.subarray(nameEnd)) };
}
