import { closeSync, openSync, readSync } from 'node:fs';
import { hasCode } from '@slipway/plugin-api';

/** Far above what these files have: a `memory.stat` has 4 KiB, an `io.stat` a line for each disk. */
const defaultMaxBytes = 1 << 20;

/** Undefined where there is no such file, or it is of a cgroup that is being removed. What is beyond `maxBytes` is not read. */
export function readKernelFile(file: string, maxBytes = defaultMaxBytes): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    const pieces: Buffer[] = [];
    // In pieces to the end: the kernel gives less than was asked for, and tells no size before.
    for (let total = 0; total < maxBytes; ) {
      const piece = Buffer.allocUnsafe(Math.min(64 * 1024, maxBytes - total));
      const count = readSync(fd, piece);
      if (count === 0) break;
      total += count;
      pieces.push(piece.subarray(0, count));
    }
    return Buffer.concat(pieces).toString('utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENODEV', 'ESRCH', 'ENOTDIR', 'EOPNOTSUPP')) return undefined;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** A whole number; undefined for anything else, `max` among it. */
export function parseCount(text: string | undefined): bigint | undefined {
  const word = text?.trim() ?? '';
  return /^\d{1,20}$/.test(word) ? BigInt(word) : undefined;
}

/** Lines of `key value`; those that are none are passed over. */
export function parseKeyed(text: string | undefined): ReadonlyMap<string, bigint> {
  const found = new Map<string, bigint>();
  for (const line of text?.split('\n') ?? []) {
    const [key = '', value, more] = line.split(' ');
    const count = parseCount(value);
    if (count !== undefined && more === undefined) found.set(key, count);
  }
  return found;
}
