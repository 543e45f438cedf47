import { SlipwayError } from '@slipway/plugin-api';
import type { Rows } from './transaction.js';

/** Begins with NUL, as no table's row does. */
const formatKey = Buffer.from('\0format');

/** Brings a store from the version of its index (counted from 1) to the next, within the write transaction it is called in. */
export type Migration = (rows: Rows) => void;

/** The entry at index n - 1 leads from format n to n + 1. Format 1 is the first one. */
const migrations: readonly Migration[] = [];

export function writeFormat(rows: Rows, format = migrations.length + 1): void {
  rows.putSync(formatKey, Buffer.from(JSON.stringify({ format })));
}

/**
 * Checks the version of the store, and migrates an older one in one write transaction.
 * Errors: `failed-precondition` for a newer one, which is not touched; `data-loss` when the row is missing or damaged.
 */
export function requireFormat(rows: Rows, path: string, steps: readonly Migration[] = migrations): void {
  const current = steps.length + 1;
  if (readFormat(rows, path, current) === current) return;
  rows.transactionSync(() => {
    // Read again: another process may have migrated the store meanwhile.
    for (const migrate of steps.slice(readFormat(rows, path, current) - 1)) migrate(rows);
    writeFormat(rows, current);
  });
}

function readFormat(rows: Rows, path: string, current: number): number {
  const bytes = rows.get(formatKey);
  const format = bytes === undefined ? undefined : parseFormat(bytes);
  if (format === undefined) {
    throw new SlipwayError({
      kind: 'data-loss',
      code: 'METADATA_FORMAT_UNKNOWN',
      message: `open metadata "${path}": the database has ${bytes === undefined ? 'no' : 'a damaged'} format version`,
      hint: 'it is not a metadata store of Slipway, or it is damaged: restore it from a backup, or choose another root',
      details: { path },
    });
  }
  if (format > current) {
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'METADATA_FORMAT_NEWER',
      message: `open metadata "${path}": found format ${format}, expected ${current} at most`,
      hint: 'use the version of Slipway that wrote it, or a later one',
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
