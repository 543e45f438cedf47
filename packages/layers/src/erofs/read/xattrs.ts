import type { Xattr } from '../../tar/entry.js';
import { joinXattrName, roundUp } from '../format.js';
import type { ImageBytes } from './image-bytes.js';
import type { ReadInode } from './inode.js';
import type { Superblock } from './superblock.js';

const headerBytes = 12;
const entryBytes = 4;

/** The extended attributes of an inode, its own and those that it shares, in the order of their names. */
export function readXattrs(image: ImageBytes, { sharedXattrs }: Superblock, inode: ReadInode): Xattr[] {
  if (inode.xattrBytes === 0) return [];
  const name = `the extended attributes of inode ${inode.nid}`;
  const area = image.at(inode.xattrStart, inode.xattrBytes, name);
  const shared = area[4] ?? 0;
  let at = headerBytes + 4 * shared;
  if (at > area.length) throw image.invalid(`${name} share more than there is room for`);
  const references = Array.from({ length: shared }, (_, index) => area.readUInt32LE(headerBytes + 4 * index));
  const xattrs: Xattr[] = [];
  while (at < area.length) {
    const length = area.length - at < entryBytes ? Number.POSITIVE_INFINITY : lengthOf(area, at);
    if (length > area.length - at) throw image.invalid(`${name} go over their end`);
    add(area.subarray(at, at + length));
    at += roundUp(length, 4);
  }
  for (const reference of references) {
    const start = sharedXattrs + reference * 4;
    const length = lengthOf(image.at(start, entryBytes, name), 0);
    add(image.at(start, length, name));
  }
  return xattrs.sort((a, b) => (a.name < b.name ? -1 : 1));

  function add(entry: Buffer): void {
    const nameEnd = entryBytes + (entry[0] ?? 0);
    const found = joinXattrName({ index: entry[1] ?? 0, suffix: entry.toString('latin1', entryBytes, nameEnd) });
    if (found === undefined || found.includes('\0')) throw image.invalid(`${name} have one whose name cannot be one`);
    xattrs.push({ name: found, value: Buffer.from(entry.subarray(nameEnd)) });
  }
}

function lengthOf(bytes: Buffer, at: number): number {
  return entryBytes + (bytes[at] ?? 0) + bytes.readUInt16LE(at + 2);
}
