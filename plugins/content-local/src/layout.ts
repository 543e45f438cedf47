import { closeSync, fsync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { digestOf, parseDigest } from '@slipway/oci';
import type { Digest } from '@slipway/plugin-api';

/**
 * ```
 * blobs/<algorithm>/<hex>           a blob, 0444
 * ingest/<sha256 of the ref>/data   what was written so far, 0600
 * ingest/<sha256 of the ref>/meta   the ref and what is expected, JSON
 * format                            the version of this layout, JSON
 * ```
 * All folders 0700. The writer of a ref holds flock(2) on the ingest's folder itself: see ingest.ts.
 */
export const algorithms = ['sha256', 'sha512'] as const;

/** Errors: `invalid-argument`, before any path is built. */
export function blobPath(root: string, digest: Digest): { readonly folder: string; readonly path: string } {
  const { algorithm, encoded } = parseDigest(digest);
  const folder = join(root, 'blobs', algorithm);
  return { folder, path: join(folder, encoded) };
}

export const ingestsFolder = (root: string): string => join(root, 'ingest');

/** A ref is any string, so its hash names the folder. */
export const ingestFolder = (root: string, ref: string): string =>
  join(ingestsFolder(root), digestOf(ref).slice('sha256:'.length));

/** Makes the fixed folders, durably, so that a commit has none to make. */
export async function makeFolders(root: string): Promise<void> {
  let made = false;
  for (const folder of ['blobs', 'ingest', ...algorithms.map((name) => join('blobs', name))]) {
    made = mkdirSync(join(root, folder), { recursive: true, mode: 0o700 }) !== undefined || made;
  }
  if (!made) return;
  await syncFolder(join(root, 'blobs'));
  await syncFolder(root);
}

export const syncFile = promisify(fsync);

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const fd = openSync(folder, 'r');
  try {
    await syncFile(fd);
  } finally {
    closeSync(fd);
  }
}
