import { closeSync, existsSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import type { MetadataStore } from '@slipway/plugin-api';
import type { OpenSubject } from '@slipway/plugin-testkit';
import { openSubject as openFile } from './file-metadata.ts';

/** Far more than a writer needs on a busy machine; waited for only where nobody writes. */
const patienceMs = 30_000;

/** Broken: opening puts back the state that it found before others wrote. */
export const openSubject: OpenSubject<MetadataStore> = async (root) => {
  const file = join(root, 'rows.json');
  if (existsSync(file)) await putBack(file, readFileSync(file));
  return await openFile(root);
};

async function putBack(file: string, found: Buffer): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (readFileSync(file).equals(found) && Date.now() < deadline) await setTimeout(1);
  // Between two transactions of others: within one it would be written over, and nobody would see it.
  const lock = openSync(`${file}.lock`, 'a');
  try {
    while (!linux.tryFlock(lock, 'exclusive')) await setTimeout(1);
    const fresh = `${file}.${process.pid}`;
    writeFileSync(fresh, found);
    renameSync(fresh, file);
  } finally {
    closeSync(lock);
  }
}
