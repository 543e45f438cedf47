import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { MetadataStore } from '@slipway/plugin-api';
import type { OpenSubject } from '@slipway/plugin-testkit';
import { openSubject as openFile } from './file-metadata.ts';

/** Broken: opening puts back the state that it found a moment before. */
export const openSubject: OpenSubject<MetadataStore> = async (root) => {
  const file = join(root, 'rows.json');
  if (existsSync(file)) {
    const found = readFileSync(file);
    await setTimeout(50);
    const fresh = `${file}.${process.pid}`;
    writeFileSync(fresh, found);
    renameSync(fresh, file);
  }
  return await openFile(root);
};
