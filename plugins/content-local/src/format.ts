import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode, SlipwayError, wrapError } from '@slipway/plugin-api';

/** The version of the folder's layout. Folders made before there was a number have none, and are of format 1. */
const current = 1;

/**
 * Checks the version before anything in the folder is touched, and writes it into a new one.
 * Errors: `failed-precondition` for a newer one; `data-loss` when it cannot be read.
 */
export function requireFormat(root: string): void {
  const file = join(root, 'format');
  const text = readIfThere(file);
  if (text === undefined) {
    if (!existsSync(join(root, 'blobs'))) writeFormat(root, file);
    return;
  }
  const found = parseFormat(text);
  if (found === undefined) {
    throw new SlipwayError({
      kind: 'data-loss',
      code: 'CONTENT_FORMAT_UNKNOWN',
      message: `open content in "${root}": the file "${file}" is damaged, expected {"format":${current}}`,
      hint: `if this Slipway made the folder, remove "${file}" and look at the blobs by slipway verify`,
      details: { file },
    });
  }
  if (found > current) {
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'CONTENT_FORMAT_NEWER',
      message: `open content in "${root}": found format ${found}, expected ${current} at most`,
      hint: 'use the version of Slipway that wrote it, or a later one, or choose another root',
      details: { file, found, expected: current },
    });
  }
}

function writeFormat(root: string, file: string): void {
  const fresh = `${file}.new-${process.pid}`;
  try {
    writeFileSync(fresh, `${JSON.stringify({ format: current })}\n`, { mode: 0o600, flush: true });
    renameSync(fresh, file);
    const fd = openSync(root, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    rmSync(fresh, { force: true });
    throw wrapError(`write "${file}"`, error);
  }
}

function parseFormat(text: string): number | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const format = typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined;
    return typeof format === 'number' && Number.isSafeInteger(format) && format >= 1 ? format : undefined;
  } catch {
    return undefined;
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw wrapError(`read "${file}"`, error);
  }
}
