import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import { isDigest } from '@slipway/oci';
import { type Digest, hasCode, type IngestStatus } from '@slipway/plugin-api';
import { ingestFolder } from './layout.js';

/** What `meta` keeps of an ingest. */
export interface IngestRecord {
  readonly ref: string;
  readonly startedAt: string;
  readonly total?: number;
  readonly expected?: Digest;
}

/** An ingest that this process has locked. */
export interface LockedIngest {
  readonly ref: string;
  readonly folder: string;
  readonly lockFd: number;
}

/**
 * Locks the ingest of a ref over all processes: flock(2) on its folder, which falls with the process. `'busy'` when
 * another writer has it; with `make` off, `'absent'` when there is none.
 *
 * Who drops an ingest removes the folder while holding the lock, so a lock that was taken on a removed folder guards
 * nothing: the name must still lead to the inode that was locked.
 */
export function lockIngest(root: string, ref: string, make: boolean): LockedIngest | 'busy' | 'absent' {
  const folder = ingestFolder(root, ref);
  for (;;) {
    try {
      if (make) mkdirSync(folder, { recursive: true, mode: 0o700 });
      const lockFd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      let held = false;
      try {
        if (!linux.tryFlock(lockFd, 'exclusive')) return 'busy';
        held = statSync(folder).ino === fstatSync(lockFd).ino;
      } finally {
        if (!held) closeSync(lockFd);
      }
      if (held) return { ref, folder, lockFd };
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
      if (!make) return 'absent';
    }
  }
}

export function unlockIngest({ lockFd }: LockedIngest): void {
  closeSync(lockFd);
}

/** Removes a locked ingest and its lock. */
export function dropIngest(ingest: LockedIngest): void {
  try {
    rmSync(ingest.folder, { recursive: true, force: true });
  } finally {
    unlockIngest(ingest);
  }
}

/** `data` of a locked ingest; its size is the progress. O_CLOEXEC is Node's default. */
export function openData(ingest: LockedIngest): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  return openSync(join(ingest.folder, 'data'), O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
}

/** Not synced: after a power loss it may be unreadable, and then the ingest begins anew. */
export function writeRecord({ folder }: LockedIngest, record: IngestRecord): void {
  writeFileSync(join(folder, 'meta.new'), JSON.stringify(record), { mode: 0o600 });
  renameSync(join(folder, 'meta.new'), join(folder, 'meta'));
}

/** Undefined when there is none, or none that can be read. */
export function readRecord(folder: string): IngestRecord | undefined {
  try {
    return parseRecord(JSON.parse(readFileSync(join(folder, 'meta'), 'utf8')));
  } catch (error) {
    if (error instanceof SyntaxError || hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

function parseRecord(value: unknown): IngestRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('ref' in value) || typeof value.ref !== 'string') return undefined;
  if (!('startedAt' in value) || typeof value.startedAt !== 'string') return undefined;
  const total = 'total' in value ? value.total : undefined;
  const expected = 'expected' in value ? value.expected : undefined;
  return {
    ref: value.ref,
    startedAt: value.startedAt,
    ...(typeof total === 'number' && Number.isSafeInteger(total) && total >= 0 ? { total } : {}),
    ...(isDigest(expected) ? { expected } : {}),
  };
}

/** The status of an ingest as its files tell it, locked or not. Undefined when it is not there (any more). */
export function statusOf(folder: string): IngestStatus | undefined {
  const record = readRecord(folder);
  if (record === undefined) return undefined;
  const data = statSync(join(folder, 'data'), { throwIfNoEntry: false });
  return { ...record, offset: data?.size ?? 0, updatedAt: data?.mtime.toISOString() ?? record.startedAt };
}
