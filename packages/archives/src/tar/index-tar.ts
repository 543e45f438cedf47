import {
  type ByteString,
  blockSize,
  checksumAgrees,
  headerFormat,
  headerPath,
  isZeroBlock,
  paddingOf,
  parseNumber,
  quote,
  textField,
} from '@slipway/layers';
import { throwIfAborted } from '@slipway/plugin-api';
import { archiveError } from '../errors.js';
import type { ArchiveLimits } from '../limits.js';
import { type Extension, readPaxRecords } from './pax.js';

/** Where a member of a tar file is. Links have a target and no bytes. */
export interface TarMember {
  readonly offset: number;
  readonly size: number;
  readonly link?: { readonly type: 'symbolic' | 'hard'; readonly target: ByteString };
}

export type TarIndex = ReadonlyMap<ByteString, TarMember>;

export interface TarFile {
  readonly size: number;
  /** Fills `target`; fewer bytes only at the end. */
  read(target: Buffer, position: number): Promise<number>;
}

const windowBytes = 1 << 16;

/**
 * Reads the headers of a tar file, none of its content. Names are those of members without a leading `./`. What no archive of images has is an
 * error: a name that leads out, two members of one name, sparse files, another type than files, links and directories.
 *
 * Errors: `ARCHIVE_FORMAT_UNKNOWN`, `ARCHIVE_INVALID`, `ARCHIVE_NAME_INVALID`, `ARCHIVE_DAMAGED`, `ARCHIVE_TOO_LARGE`, `ARCHIVE_FORMAT_UNSUPPORTED`.
 */
export async function indexTar(
  what: string,
  file: TarFile,
  limits: ArchiveLimits,
  signal: AbortSignal | undefined,
): Promise<TarIndex> {
  const index = new Map<ByteString, TarMember>();
  const blocks = blockReader(what, file);
  let extension: Extension = {};
  let entries = 0;
  let nameBytes = 0;
  let position = 0;
  for (;;) {
    if (entries % 256 === 0) throwIfAborted(what, signal);
    const header = await blocks(position);
    if (header === undefined || isZeroBlock(header, 0)) break;
    if (!checksumAgrees(header, 0)) throw notTar(what, entries);
    if (++entries > limits.entries) throw archiveError('ARCHIVE_TOO_LARGE', `${what} has more than ${limits.entries} members`);
    const stored = extension.size ?? parseNumber(header, 124, 12);
    const type = String.fromCharCode(header[156] ?? 0);
    const name = extension.path ?? headerPath(header, 0, headerFormat(header, 0));
    const hasBody = 'xgLK07\0S'.includes(type);
    const size = hasBody ? stored : 0;
    if (size === undefined || size < 0) throw invalid(what, name, 'its size is no number from 0 on');
    const offset = position + blockSize;
    if (offset + size > file.size)
      throw archiveError(
        'ARCHIVE_DAMAGED',
        `${what} ends at byte ${file.size}, inside its member ${quote(name)}, which ends at byte ${offset + size}`,
      );
    position = offset + size + paddingOf(size);
    if ('xgLK'.includes(type)) {
      if (size > limits.headerBytes)
        throw archiveError('ARCHIVE_TOO_LARGE', `${what}: a header of ${size} bytes is over the limit of ${limits.headerBytes}`);
      if (type !== 'g') extension = await extended(what, file, type, offset, size, extension);
      continue;
    }
    if (type === 'S' || extension.isSparse === true)
      throw archiveError('ARCHIVE_FORMAT_UNSUPPORTED', `${what}: its member ${quote(name)} is a sparse file`, {
        hint: 'make the archive again without sparse files',
      });
    const target = extension.linkTarget ?? textField(header, 157, 100);
    extension = {};
    const clean = cleanName(what, name);
    if (type === '5' || clean === '') continue;
    nameBytes += clean.length + target.length;
    if (nameBytes > limits.nameBytes)
      throw archiveError('ARCHIVE_TOO_LARGE', `${what}: the names of its members have more than ${limits.nameBytes} bytes`);
    if (index.has(clean)) throw invalid(what, name, 'two members have this name');
    if (type === '1' || type === '2')
      index.set(clean, { offset, size: 0, link: { type: type === '1' ? 'hard' : 'symbolic', target } });
    else if (hasBody) index.set(clean, { offset, size });
    else throw invalid(what, name, `its type is ${quote(type)}, and archives of images have files, links and directories only`);
  }
  if (entries === 0) throw notTar(what, entries);
  return index;
}

/** Headers of small members lie close together: one read brings many of them. */
function blockReader(what: string, file: TarFile): (position: number) => Promise<Buffer | undefined> {
  const window = Buffer.alloc(windowBytes);
  let start = 0;
  let end = 0;
  return async (position) => {
    if (position >= file.size) return undefined;
    if (position < start || position + blockSize > end) {
      start = position;
      end = position + (await file.read(window, position));
    }
    if (position + blockSize > end)
      throw position === 0 ? notTar(what, 0) : archiveError('ARCHIVE_DAMAGED', `${what} ends inside a header`);
    return window.subarray(position - start, position - start + blockSize);
  };
}

async function extended(
  what: string,
  file: TarFile,
  type: string,
  offset: number,
  size: number,
  before: Extension,
): Promise<Extension> {
  const body = Buffer.alloc(size);
  if ((await file.read(body, offset)) !== size) throw archiveError('ARCHIVE_DAMAGED', `${what} ends inside a header`);
  if (type === 'x') return { ...before, ...readPaxRecords(what, body) };
  const text = textField(body, 0, size);
  return type === 'L' ? { ...before, path: text } : { ...before, linkTarget: text };
}

function cleanName(what: string, name: ByteString): ByteString {
  const parts = name.split('/');
  if (name.startsWith('/') || parts.includes('..') || name.includes('\0'))
    throw archiveError('ARCHIVE_NAME_INVALID', `${what}: the name ${quote(name)} leads out of the archive`);
  return parts.filter((part) => part !== '' && part !== '.').join('/');
}

function notTar(what: string, entries: number): Error {
  return entries === 0
    ? archiveError('ARCHIVE_FORMAT_UNKNOWN', `${what} is no tar file`, {
        hint: 'an archive of images is a tar file or an OCI image layout',
      })
    : archiveError('ARCHIVE_INVALID', `${what}: the header after ${entries} members has a wrong checksum`);
}

function invalid(what: string, name: ByteString, problem: string): Error {
  return archiveError('ARCHIVE_INVALID', `${what}: member ${quote(name)}: ${problem}`);
}
