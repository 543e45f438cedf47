import { closeSync, fstatSync, fsyncSync, linkSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { hasCode, SlipwayError } from '@slipway/plugin-api';
import { lastPageEnd } from './data-file.js';

/**
 * lmdb and a full disk do not go together: a commit that finds no room fails, lmdb-js has crashed after a few dozen of
 * those, and a hole in the mapped lock file is a SIGBUS. So room is made beforehand: the data file is kept longer than it
 * is used, which is what lets rows be changed and deleted on a full disk, and rows are added only while the disk has room for them.
 */
const reserveBytes = 1024 * 1024;

/** More than lmdb needs for 1,024 readers; it takes the number of slots from the size. */
const lockBytes = 128 * 1024;

/** Makes the lock file without holes, first under the name `fresh`. Before lmdb opens it. */
export function makeLockFile(path: string, fresh: string): void {
  const fd = openSync(fresh, 'w', 0o600);
  try {
    writeZeros(fd, 0, lockBytes);
    fsyncSync(fd);
    linkSync(fresh, path);
  } finally {
    closeSync(fd);
    rmSync(fresh, { force: true });
  }
}

/**
 * Keeps the data file longer than its last page. Only while holding the write lock: no page is in use behind the end of
 * the file then. A disk that is too full for it is no error; the reserve is there for that time.
 */
export function keepReserve(fd: number): void {
  const used = lastPageEnd(fd);
  const { size } = fstatSync(fd);
  if (used === undefined || size - used >= reserveBytes / 2) return;
  try {
    writeZeros(fd, size, used + reserveBytes);
  } catch (error) {
    if (!hasCode(error, 'ENOSPC', 'EDQUOT')) throw error;
  }
}

/** Whether the disk has room for a commit with this many bytes put. */
export function hasRoom(folder: string, bytes: number): boolean {
  const { bavail, bsize } = statfsSync(folder);
  // Twice: the pages that hold the rows are written anew with them.
  return bavail * bsize >= 2 * bytes + reserveBytes / 2;
}

/** Whether what is kept behind the last page will do for changing rows to this many bytes, and for deleting them afterwards. */
export function reserveHolds(fd: number, bytes: number): boolean {
  const used = lastPageEnd(fd);
  return used !== undefined && fstatSync(fd).size - used >= 2 * bytes + reserveBytes / 4;
}

export function diskFull(folder: string, why: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'resource-exhausted',
    code: 'METADATA_DISK_FULL',
    message: `write metadata in "${folder}": no room on the disk: ${why}; nothing was changed`,
    hint: 'free some disk space (slipway images, slipway rmi) or choose another --root',
    cause,
    details: { folder },
  });
}

function writeZeros(fd: number, from: number, to: number): void {
  const zeros = Buffer.alloc(64 * 1024);
  for (let at = from; at < to; ) at += writeSync(fd, zeros, 0, Math.min(zeros.length, to - at), at);
}
