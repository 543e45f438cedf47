import { closeSync, existsSync, fsyncSync, linkSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeFormat } from './format.js';
import { type Open, openRows } from './open-rows.js';
import { makeLockFile } from './room.js';

const newPrefix = 'new-';

/**
 * Makes what is missing, and removes what those have left that died at it. In one process at a time: lmdb-js ends the process when a
 * folder goes in which it is making a database.
 *
 * A new database is made whole in a folder of its own and then linked into place, so that the file is either absent or a
 * database with a format row: an empty or strange file there is damage, and is reported, never written over.
 */
export async function makeMissing(open: Open, path: string, format: number): Promise<void> {
  const folder = dirname(path);
  const lockFile = `${path}-lock`;
  sweep(folder);
  if (!existsSync(lockFile)) makeLockFile(lockFile, join(folder, `${newPrefix}lock`));
  if (!existsSync(path)) await create(open, folder, path, format);
}

async function create(open: Open, folder: string, path: string, format: number): Promise<void> {
  const fresh = mkdtempSync(join(folder, newPrefix));
  try {
    const rows = await openRows(open, join(fresh, basename(path)));
    try {
      rows.transactionSync(() => writeFormat(rows, format));
    } finally {
      await rows.close();
    }
    linkSync(join(fresh, basename(path)), path);
    syncFolder(folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** What a creator left that died serves nobody. */
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
