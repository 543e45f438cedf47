import { chmodSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { linux } from '@slipway/linux';
import type { Rows } from './transaction.js';

export type Open = typeof import('lmdb').open;

/** The environment in the file at `path`. Only while no other process opens one there, or commits. */
export async function openRows(open: Open, path: string): Promise<Rows> {
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
    // Who closes the environment as the last one destroys the mutexes in the lock file, also when another process is just opening it.
    // lmdb takes itself for the last one when it is granted a lock, which this one prevents; who opens alone makes them anew.
    for (const fd of descriptorsOf(`${path}-lock`)) linux.lockByte(fd, 0n);
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
