import { closeSync, constants, copyFileSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SlipwayError, step, wrapError } from '@slipway/plugin-api';
import { restoreHint } from './data-file.js';
import type { Rows } from './transaction.js';

/** Begins with NUL, as no table's row does. */
const formatKey = Buffer.from('\0format');

/** Brings a store from the version of its index (counted from 1) to the next, within the write transaction it is called in. */
export type Migration = (rows: Rows) => void;

/** The entry at index n - 1 leads from format n to n + 1. Format 1 is the first one. */
export const migrations: readonly Migration[] = [];

export function writeFormat(rows: Rows, format = migrations.length + 1): void {
  rows.putSync(formatKey, Buffer.from(JSON.stringify({ format })));
}

/**
 * Checks the version of the store, and migrates an older one in one write transaction. Before that the file is copied to `<path>.v<format>`,
 * which is the way back: it takes the file's place when no process works on it. Only the copy of the last migration is kept.
 * Errors: `failed-precondition` for a newer one, which is not touched; `data-loss` when the row is missing or damaged.
 */
export function requireFormat(rows: Rows, path: string, steps: readonly Migration[] = migrations): void {
  const current = steps.length + 1;
  if (readFormat(rows, path, current) === current) return;
  try {
    rows.transactionSync(() => {
      // Read again: another process may have migrated the store meanwhile.
      const found = readFormat(rows, path, current);
      if (found === current) return;
      // Nobody else commits now, and what this transaction writes is not in the file before it ends: the copy is the last commit.
      keepCopy(path, found);
      step('metadata.migration.copied', { format: found });
      for (const migrate of steps.slice(found - 1)) migrate(rows);
      writeFormat(rows, current);
      step('metadata.migration.written', { format: current });
    });
  } catch (error) {
    throw wrapError(`migrate metadata "${path}" to format ${current}`, error);
  }
  step('metadata.migration.durable', { format: current });
}

function keepCopy(path: string, format: number): void {
  const [folder, copy] = [dirname(path), `${path}.v${format}`];
  // Only who holds the write lock makes one.
  const fresh = `${copy}.new`;
  copyFileSync(path, fresh, constants.COPYFILE_FICLONE);
  sync(fresh);
  renameSync(fresh, copy);
  sync(folder);
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (file !== copy && file.startsWith(`${path}.v`)) rmSync(file, { force: true });
  }
}

function sync(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function readFormat(rows: Rows, path: string, current: number): number {
  const bytes = rows.get(formatKey);
  const format = bytes === undefined ? undefined : parseFormat(bytes);
  if (format === undefined) {
    throw new SlipwayError({
      kind: 'data-loss',
      code: 'METADATA_FORMAT_UNKNOWN',
      message: `open metadata "${path}": the database has ${bytes === undefined ? 'no' : 'a damaged'} format version`,
      hint: restoreHint,
      details: { path },
    });
  }
  if (format > current) {
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'METADATA_FORMAT_NEWER',
      message: `open metadata "${path}": found format ${format}, expected ${current} at most`,
      hint: 'use the version of Slipway that wrote it, or a later one; slipway system rebuild makes the metadata anew from content',
      details: { path, found: format, expected: current },
    });
  }
  return format;
}

function parseFormat(bytes: Buffer): number | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value !== 'object' || value === null || !('format' in value)) return undefined;
    const { format } = value;
    return typeof format === 'number' && Number.isSafeInteger(format) && format >= 1 ? format : undefined;
  } catch {
    return undefined;
  }
}
