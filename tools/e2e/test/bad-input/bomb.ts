import { gzipSync } from 'node:zlib';
import { tarOf } from '@slipway/fixtures';

/** `first`, then `count` times the same, as members of one gzip stream: what they inflate to is never made here. */
export function repeated(first: Buffer, piece: Buffer, count: number): Buffer {
  return Buffer.concat([gzipSync(first), ...Array.from({ length: count }, () => piece)]);
}

/** The header of a file that says it has so many bytes, without them. */
export function headerOf(size: number): Buffer {
  const header = Buffer.from(tarOf([{ path: 'zeros', body: '' }]).subarray(0, 512));
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  return withSum(header);
}

/** Sets the header's check sum right. */
export function withSum(header: Buffer): Buffer {
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}
