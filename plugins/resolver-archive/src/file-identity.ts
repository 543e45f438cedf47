import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { hasCode } from '@slipway/plugin-api';

/** Another one when the file has changed, or is another file. */
export function identityOfFile({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join();
}

/** Of what the path leads to now; undefined where there is nothing. */
export async function identityAt(path: string): Promise<string | undefined> {
  try {
    return identityOfFile(await stat(path, { bigint: true }));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
