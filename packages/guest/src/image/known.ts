import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ImageParts } from './build.js';
import { isUnchanged, type Source } from './sources.js';

/** Which image was made of which files, kept in `known-<hash of their paths>.json`. It only saves time: what fails here is as if nothing were known. */
interface Known {
  readonly key: string;
  readonly sources: readonly Source[];
}

/** The key of the image that was made of these parts; undefined when none was, or one of its files has changed. */
export function knownImage(images: string, parts: ImageParts): string | undefined {
  const known = read(knownFile(images, parts));
  return known?.sources.every(isUnchanged) ? known.key : undefined;
}

export function rememberImage(images: string, parts: ImageParts, known: Known): void {
  const file = knownFile(images, parts);
  const made = `${file}.${process.pid}`;
  try {
    writeFileSync(made, JSON.stringify(known), { mode: 0o600 });
    renameSync(made, file);
  } catch {
    rmSync(made, { force: true });
  }
}

/** Forgets what was made into an image that is there no more. */
export function forgetOthers(images: string, there: (key: string) => boolean): void {
  for (const name of readdirSync(images).filter((entry) => entry.startsWith('known-'))) {
    const key = read(path.join(images, name))?.key;
    if (key === undefined || !there(key)) rmSync(path.join(images, name), { force: true });
  }
}

function knownFile(images: string, { kernel, agent, crun }: ImageParts): string {
  const hash = createHash('sha256').update(JSON.stringify([kernel.image, kernel.modules ?? null, agent, crun]));
  return path.join(images, `known-${hash.digest('hex').slice(0, 32)}.json`);
}

function read(file: string): Known | undefined {
  try {
    const { key, sources } = JSON.parse(readFileSync(file, 'utf8')) as Known;
    const whole = /^[0-9a-f]{64}$/.test(key) && sources.every(([name]) => typeof name === 'string');
    return whole ? { key, sources } : undefined;
  } catch {
    return undefined;
  }
}
