import { fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { crc32 } from 'node:zlib';
import type { BlockOutput } from './block-output.js';
import { erofsError } from './errors.js';
import type { InodeTableState } from './inode-table.js';
import type { TailStoreState } from './tail-store.js';
import type { ErofsForm } from './types.js';
import type { XattrTableState } from './xattr-table.js';

/** What a writer knows that is not in the file yet. */
export interface SuspendedImage {
  readonly form: ErofsForm;
  readonly identity: string;
  readonly table: InodeTableState;
  readonly xattrs: XattrTableState;
  readonly tails: TailStoreState;
  readonly mapBytes: number;
}

/** In front of the place of the superblock, which is not there yet: no one takes such a file for an image. */
const magic = Buffer.from('slipway-erofs-suspended-1\0\0\0\0\0\0\0', 'latin1');
const headerBytes = magic.length + 24;

/** Writes the state behind the data. A header that is there says that it is whole. */
export function writeSuspended(fd: number, output: BlockOutput, image: SuspendedImage): void {
  const end = output.position;
  const state = serialize(image);
  output.write(state, 0, state.length);
  output.flush();
  ftruncateSync(fd, end + state.length);
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeDoubleLE(end, magic.length);
  header.writeDoubleLE(state.length, magic.length + 8);
  header.writeUInt32LE(crc32(state), magic.length + 16);
  writeSync(fd, header, 0, header.length, 0);
}

/** Reads the state and takes it out of the file. `end`: where the data ends. */
export function takeSuspended(fd: number): { readonly image: SuspendedImage; readonly end: number } {
  const header = readPart(fd, 0, headerBytes);
  if (!header.subarray(0, magic.length).equals(magic)) throw damaged('it has no such header');
  const end = header.readDoubleLE(magic.length);
  const length = header.readDoubleLE(magic.length + 8);
  const { size } = fstatSync(fd);
  if (!(end >= headerBytes && length > 0 && end + length === size))
    throw damaged(`its ${size} bytes are not what its header says`);
  const state = readPart(fd, end, length);
  if (crc32(state) !== header.readUInt32LE(magic.length + 16)) throw damaged('its checksum is wrong');
  ftruncateSync(fd, end);
  writeSync(fd, Buffer.alloc(headerBytes), 0, headerBytes, 0);
  return { image: deserialize(state) as SuspendedImage, end };
}

function readPart(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const read = readSync(fd, bytes, at, length - at, offset + at);
    if (read === 0) throw damaged('it is cut short');
    at += read;
  }
  return bytes;
}

function damaged(problem: string): Error {
  return erofsError('EROFS_IMAGE_INVALID', `the file is no EROFS image that was put aside: ${problem}`);
}
