import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';
import { checkDataFile, restoreHint } from './data-file.js';
import { requireLocalFileSystem } from './file-system.js';
import { type Migration, migrations, requireFormat, writeFormat } from './format.js';
import { importLmdb } from './import-lmdb.js';
import { makeLockFile } from './room.js';
import type { Rows } from './transaction.js';

const fileName = 'data.mdb';
const newPrefix = 'new-';

/** An open lmdb environment. Closing waits for the writes in flight. */
export interface Environment extends AsyncDisposable {
  readonly folder: string;
  readonly rows: Rows;
  /** The data file, for {@link keepReserve}. */
  readonly dataFd: number;
}

/**
 * Opens the environment in `folder`, making it when there is none.
 *
 * A new database is made whole in a folder of its own and then linked into place, so that `data.mdb` is either absent or a
 * database with a format row: an empty or strange file there is damage, and is reported, never written over.
 */
export async function openEnvironment(folder: string, steps: readonly Migration[] = migrations): Promise<Environment> {
  const path = join(folder, fileName);
  try {
    requireLocalFileSystem(folder);
    const { open } = await importLmdb();
    await makeMissing(open, folder, path, steps.length + 1);
    checkDataFile(path);
    const rows = await openRows(open, path);
    let dataFd: number;
    try {
      requireFormat(rows, path, steps);
      dataFd = openSync(path, 'r+');
    } catch (error) {
      await rows.close();
      throw error;
    }
    const close = async (): Promise<void> => {
      closeSync(dataFd);
      await rows.close();
    };
    let closing: Promise<void> | undefined;
    return {
      folder,
      rows,
      dataFd,
      [Symbol.asyncDispose]() {
        closing ??= close();
        return closing;
      },
    };
  } catch (error) {
    throw openError(path, error);
  }
}

type Open = typeof import('lmdb').open;

async function openRows(open: Open, path: string): Promise<Rows> {
  const rows = open<Buffer, Buffer>({
    path,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    // Without it a commit returns before its flush.
    overlappingSync: false,
    // With it (the default) a failed commit also rejects a promise of lmdb-js that nobody can catch, which ends the process.
    eventTurnBatching: false,
    // Address space, not memory or disk: no process has to map anew because another one's writes made the file grow.
    mapSize: 16 * 1024 ** 3,
    // One slot for each process that reads at the same moment; lmdb's own default is 126.
    maxReaders: 1024,
    permissionsMode: 0o600,
  } as Parameters<Open>[0]) as Rows;
  try {
    // permissionsMode is subject to no more than umask, but an older lock file may be there. By path: closing a descriptor
    // of the lock file would drop the fcntl locks that lmdb holds on it.
    chmodSync(`${path}-lock`, 0o600);
    // lmdb opens the data file without O_CLOEXEC: every child process would have it, writable.
    for (const fd of descriptorsOf(path)) linux.setCloseOnExec(fd);
    return rows;
  } catch (error) {
    await rows.close();
    throw error;
  }
}

function descriptorsOf(path: string): readonly number[] {
  const target = realpathSync(path);
  return readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === target;
      } catch {
        return false; // the descriptor of the listing itself
      }
    });
}

/**
 * One process at a time makes what is missing, and removes what those have left that died at it. lmdb-js ends the process when
 * a folder goes in which it is making a database.
 */
async function makeMissing(open: Open, folder: string, path: string, format: number): Promise<void> {
  const lockFile = `${path}-lock`;
  const fd = openSync(folder, 'r');
  try {
    while (!linux.tryFlock(fd, 'exclusive')) {
      if (existsSync(path) && existsSync(lockFile)) return;
      await sleep(5);
    }
    if (!existsSync(lockFile)) makeLockFile(lockFile, join(folder, `${newPrefix}lock-${process.pid}`));
    if (!existsSync(path)) await create(open, folder, path, format);
    sweep(folder);
  } finally {
    closeSync(fd);
  }
}

async function create(open: Open, folder: string, path: string, format: number): Promise<void> {
  const fresh = mkdtempSync(join(folder, newPrefix));
  try {
    const rows = await openRows(open, join(fresh, fileName));
    try {
      rows.transactionSync(() => writeFormat(rows, format));
    } finally {
      await rows.close();
    }
    linkSync(join(fresh, fileName), path);
    syncFolder(folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** What a creator left that died serves nobody. Only under the lock: another one's is still wanted. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(newPrefix)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** lmdb's own codes (lmdb.h) for a file that is not what it must be. */
const damageCodes: ReadonlySet<unknown> = new Set([-30797, -30796, -30794, -30793]);

function openError(path: string, error: unknown): SlipwayError {
  if (error instanceof Error && 'code' in error && damageCodes.has(error.code)) {
    return new SlipwayError({
      kind: 'data-loss',
      code: 'METADATA_NOT_A_DATABASE',
      message: `open metadata "${path}": ${error.message}`,
      hint: restoreHint,
      cause: error,
      details: { path },
    });
  }
  const named = withName(error);
  if (hasCode(named, 'EROFS')) {
    return new SlipwayError({
      kind: 'failed-precondition',
      code: 'METADATA_READ_ONLY',
      message: `open metadata "${path}": the file system is read-only, and also who reads writes to the lock file`,
      hint: 'mount it writable (dmesg says whether errors made it read-only), or choose another --root',
      cause: error,
      details: { path },
    });
  }
  return wrapError(`open metadata "${path}"`, named);
}

/** lmdb tells what the system refused by its number. */
function withName(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error)) return error;
  const [name] = Object.entries(constants.errno).find(([, number]) => number === error.code) ?? [];
  return name === undefined ? error : Object.assign(new Error(error.message, { cause: error }), { code: name });
}
