import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { isSlipwayError, SlipwayError } from '@slipway/plugin-api';

/** A file system that was just made: what is not zero of it. A few dozen KiB, whatever its size. */
export interface Template {
  /** Of the file system. */
  readonly bytes: number;
  /** Where the inode of its folder `upper` is. */
  readonly upperInodeAt: number;
  readonly parts: readonly TemplatePart[];
}

export interface TemplatePart {
  readonly at: number;
  readonly data: Buffer;
}

interface Header {
  readonly bytes: number;
  readonly upperInodeAt: number;
  /** Place and length of each part; the parts follow the header's line. */
  readonly parts: readonly (readonly [at: number, length: number])[];
  /** Of the parts, one after the other. */
  readonly sha256: string;
}

const newline = 10;

export function encodeTemplate({ bytes, upperInodeAt, parts }: Template): Buffer {
  const data = Buffer.concat(parts.map((part) => part.data));
  const header: Header = { bytes, upperInodeAt, parts: parts.map(({ at, data }) => [at, data.length]), sha256: hash(data) };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), data]);
}

/** Undefined when it is not whole: a disk may fail, and so may whoever wrote it. */
export function decodeTemplate(file: Buffer, bytes: number): Template | undefined {
  const end = file.indexOf(newline);
  const header = end === -1 ? undefined : parseHeader(file.toString('utf8', 0, end));
  const data = file.subarray(end + 1);
  if (header === undefined || header.bytes !== bytes || hash(data) !== header.sha256) return undefined;
  let from = 0;
  const parts = header.parts.map(([at, length]) => {
    from += length;
    return { at, data: data.subarray(from - length, from) };
  });
  return { bytes, upperInodeAt: header.upperInodeAt, parts };
}

function parseHeader(line: string): Header | undefined {
  try {
    const header = JSON.parse(line) as Header;
    const numbers = [header.bytes, header.upperInodeAt, ...header.parts.flat()];
    return numbers.every((number) => Number.isSafeInteger(number) && number >= 0) ? header : undefined;
  } catch {
    return undefined;
  }
}

function hash(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Where mkfs is looked for: also where a user's PATH does not lead. */
export const programPath = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter);

export function hasMkfs(): boolean {
  return programPath.split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, 'mkfs.ext4')));
}

export function mkfsFailed(cause: unknown): SlipwayError {
  if (isSlipwayError(cause)) return cause;
  const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
  const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
  return new SlipwayError({
    kind: 'failed-precondition',
    code: isMissing ? 'MKFS_MISSING' : 'MKFS_FAILED',
    message: isMissing ? 'mkfs.ext4 was not found' : `mkfs.ext4 failed: ${said || String(cause)}`,
    hint: isMissing ? mkfsHint : 'look at the disk that the root folder of Slipway is on',
    cause,
  });
}

export const mkfsHint = 'install e2fsprogs, or set upper = "directory" in [plugin.snapshot-kata]';
