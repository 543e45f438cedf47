import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '@slipway/plugin-api';
import { forgetOthers } from './known.js';
import { unfinished } from './store.js';

/** So many images stay, however old. */
const keptImages = 3;
/** Who has just been told of an image may take it into use so much later. */
const graceMs = 3_600_000;

/** Removes what nobody has asked for in an hour: images beyond the newest few, and what killed processes have left half done. */
export function removeUnused(images: string, used: ReadonlySet<string>): void {
  const old = Date.now() - graceMs;
  const aged = readdirSync(images)
    .map((name) => ({ name, time: timeOf(path.join(images, name)) }))
    .toSorted((a, b) => b.time - a.time);
  const keys = aged.filter(({ name }) => /^[0-9a-f]{64}$/.test(name));
  const unneeded = keys.slice(keptImages).filter(({ name, time }) => !used.has(name) && time < old);
  for (const { name } of unneeded) remove(images, name);
  for (const { name, time } of aged)
    if (name.startsWith(unfinished) && time < old) rmSync(path.join(images, name), { recursive: true, force: true });
  const gone = new Set(unneeded.map(({ name }) => name));
  forgetOthers(images, (key) => !gone.has(key) && keys.some(({ name }) => name === key));
}

/** By another name first: a half of an image must not have its name. */
function remove(images: string, key: string): void {
  const doomed = path.join(images, `${unfinished}${key}-${process.pid}`);
  try {
    renameSync(path.join(images, key), doomed);
    rmSync(doomed, { recursive: true, force: true });
  } catch (error) {
    // Another process is about it.
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

function timeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
