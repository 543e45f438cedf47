import { rmSync } from 'node:fs';
import path from 'node:path';
import { defineTable, isKind, type MetadataStore } from '@slipway/plugin-api';
import * as v from 'valibot';
import { type ImageRow, imageSchema } from '../metadata/images.js';
import { rowName, rowPrefix } from '../metadata/rows.js';
import { formatCopy, type NamedImages, namesFolder, readNamesCopy, writeNamesFile } from './names-copy.js';

const keptFile = 'rebuild.json';

/** Of a damaged store a row may be anything. */
const damagedTable = defineTable<ImageRow | undefined>('images', (value) => {
  const row = v.safeParse(imageSchema, value);
  return row.success ? row.output : undefined;
});

/** What the copy says, and what a rebuild that was cut off has kept. Errors: `data-loss` when one of the two is damaged. */
export function knownNames(root: string): NamedImages {
  return new Map([...(readNamesCopy(root) ?? []), ...(readNamesCopy(root, keptFile) ?? [])]);
}

/**
 * Gathers every name that is known, from the copy, from a rebuild that was cut off and from the metadata store, which may be new or damaged,
 * and keeps them beside the copy for as long as the rebuild takes. Errors: `data-loss` when a copy is damaged.
 */
export function keepNames(root: string, metadata: MetadataStore | undefined): NamedImages {
  const names = new Map([...knownNames(root), ...(metadata === undefined ? [] : readableNames(metadata))]);
  if (names.size > 0) writeNamesFile(root, keptFile, formatCopy(names));
  return names;
}

export function dropKeptNames(root: string): void {
  rmSync(path.join(namesFolder(root), keptFile), { force: true });
}

function readableNames(metadata: MetadataStore): Map<string, ImageRow> {
  const names = new Map<string, ImageRow>();
  try {
    metadata.read((tx) => {
      for (const [key, row] of tx.entries(damagedTable, { prefix: rowPrefix })) {
        if (row !== undefined) names.set(rowName(key), row);
      }
    });
  } catch (error) {
    // What came before the damaged row is of use all the same.
    if (!isKind(error, 'data-loss')) throw error;
  }
  return names;
}
