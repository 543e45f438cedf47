import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';
import { makeMissing } from './creation.js';
import { checkDataFile, restoreHint } from './data-file.js';
import { requireLocalFileSystem } from './file-system.js';
import { type Migration, migrations, requireFormat } from './format.js';
import { importLmdb } from './import-lmdb.js';
import { openRows } from './open-rows.js';
import { lockExclusively, Writers } from './process-locks.js';
import type { Rows } from './transaction.js';

/** An open lmdb environment. Closing waits for the writes in flight. */
export interface Environment extends AsyncDisposable {
  readonly folder: string;
  readonly rows: Rows;
  /** To be entered by whoever writes to {@link rows}. */
  readonly writers: Writers;
  /** The data file, for {@link keepReserve}. */
  readonly dataFd: number;
}

/**
 * Opens the environment in `folder`, making it when there is none. Errors: `unavailable` when others, which may be stopped, have not let
 * it be opened for `patienceMs`; `data-loss`, `failed-precondition` as the README says.
 */
export async function openEnvironment(
  folder: string,
  steps: readonly Migration[] = migrations,
  patienceMs = 60_000,
): Promise<Environment> {
  const path = join(folder, 'data.mdb');
  try {
    requireLocalFileSystem(folder);
    const { open } = await importLmdb();
    await using opening = new AsyncDisposableStack();
    const openFile = (file: string, flags: string): number => opening.adopt(openSync(file, flags), closeSync);

    const gateFd = openFile(folder, 'r');
    await lockExclusively(gateFd, path, patienceMs);
    await makeMissing(open, path, steps.length + 1);
    const dataFd = openFile(path, 'r+');
    await lockExclusively(dataFd, path, patienceMs);
    checkDataFile(path);

    const rows = opening.adopt(await openRows(open, path), (opened) => opened.close());
    requireFormat(rows, path, steps);
    linux.unflock(dataFd);
    linux.unflock(gateFd);

    const opened = opening.move();
    let closing: Promise<void> | undefined;
    return {
      folder,
      rows,
      writers: new Writers(gateFd, dataFd),
      dataFd,
      [Symbol.asyncDispose]() {
        closing ??= opened.disposeAsync();
        return closing;
      },
    };
  } catch (error) {
    throw openError(path, error);
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
