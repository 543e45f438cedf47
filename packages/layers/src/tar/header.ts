import type { ByteString } from '../bytes.js';
import { parseNumber } from './number.js';

export const blockSize = 512;

/** Which of tar's formats a header block is in: they differ in what the bytes from 257 on mean. */
export type HeaderFormat = 'v7' | 'ustar' | 'star' | 'gnu';

/** Whether the checksum field agrees. Some old writers summed signed bytes. */
export function checksumAgrees(block: Uint8Array, offset: number): boolean {
  const expected = parseNumber(block, offset + 148, 8);
  if (expected === undefined) return false;
  let sum = 8 * 0x20;
  for (let at = offset, end = offset + 148; at < end; at += 4)
    sum += (block[at] as number) + (block[at + 1] as number) + (block[at + 2] as number) + (block[at + 3] as number);
  for (let at = offset + 156, end = offset + blockSize; at < end; at += 4)
    sum += (block[at] as number) + (block[at + 1] as number) + (block[at + 2] as number) + (block[at + 3] as number);
  return sum === expected || signedSum(block, offset) === expected;
}

function signedSum(block: Uint8Array, offset: number): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < blockSize; at++) {
    if (at >= 148 && at < 156) continue;
    const byte = block[offset + at] ?? 0;
    sum += byte > 127 ? byte - 256 : byte;
  }
  return sum;
}

export function isZeroBlock(block: Uint8Array, offset: number): boolean {
  for (let at = offset, end = offset + blockSize; at < end; at++) if (block[at] !== 0) return false;
  return true;
}

export function headerFormat(block: Buffer, offset: number): HeaderFormat {
  if (block[offset + 257] !== 0x75) return 'v7';
  const magic = block.toString('latin1', offset + 257, offset + 265);
  if (magic === 'ustar  \0') return 'gnu';
  if (!magic.startsWith('ustar\0')) return 'v7';
  return block.toString('latin1', offset + 508, offset + 512) === 'tar\0' ? 'star' : 'ustar';
}

/** A text field: up to the first NUL. */
export function textField(block: Buffer, offset: number, length: number): ByteString {
  let end = offset;
  const limit = offset + length;
  while (end < limit && block[end] !== 0) end++;
  return end === offset ? '' : block.toString('latin1', offset, end);
}

/** The name with the prefix that ustar puts before it. */
export function headerPath(block: Buffer, offset: number, format: HeaderFormat): ByteString {
  const name = textField(block, offset, 100);
  if ((format !== 'ustar' && format !== 'star') || block[offset + 345] === 0) return name;
  return `${textField(block, offset + 345, format === 'star' ? 131 : 155)}/${name}`;
}
