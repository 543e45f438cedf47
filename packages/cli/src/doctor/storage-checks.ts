import { existsSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { formatBytes } from '../units.js';
import { type Check, fail, ok, warn } from './check.js';

const lowBytes = 2e9;
const noBytes = 1e8;
const lowFiles = 100_000;

/** Room for images: bytes and, where the file system counts them, files. */
export function spaceCheck(root: string): Check {
  const { bavail, bsize, ffree, files } = statfsSync(existingAbove(root));
  const bytes = bavail * bsize;
  const found = `${formatBytes(bytes)}${files > 0 ? ` and ${ffree} files` : ''} free for ${root}`;
  const advice = 'free some space (slipway images, slipway rmi), or choose another root';
  if (bytes < noBytes || (files > 0 && ffree === 0)) return fail('space', found, advice);
  return bytes < lowBytes || (files > 0 && ffree < lowFiles) ? warn('space', found, advice) : ok('space', found);
}

/** The folder itself may not have been made yet. */
function existingAbove(folder: string): string {
  let above = folder;
  while (!existsSync(above)) above = path.dirname(above);
  return above;
}
