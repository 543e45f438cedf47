import {
  defineTable,
  type MetadataStore,
  type ReadTransaction,
  SlipwayError,
  step,
  type WriteTransaction,
} from '@slipway/plugin-api';
import * as v from 'valibot';
import { nameContainers } from './name-containers.js';

/** Brings the engine's tables from the version of its index (counted from 1) to the next. */
export type TablesMigration = (tx: WriteTransaction) => void;

/** The entry at index n - 1 leads from version n to n + 1. A store without a version is of version 1. */
const migrations: readonly TablesMigration[] = [nameContainers];

const versionTable = defineTable('version', (value) => v.parse(v.pipe(v.number(), v.integer(), v.minValue(1)), value));
const key = 'engine';

/**
 * Checks the version of what the engine keeps in the metadata store, and migrates older tables in one write transaction.
 * The way back is `system rebuild` by the older program: content and the copy of the names are the same for all versions.
 * Errors: `failed-precondition` for newer ones; nothing is touched.
 */
export async function requireTables(metadata: MetadataStore, steps: readonly TablesMigration[] = migrations): Promise<void> {
  const current = steps.length + 1;
  if (metadata.read((tx) => versionOf(tx, current)) === current) return;
  await metadata.write((tx) => {
    // Read again: another process may have migrated them meanwhile.
    for (const migrate of steps.slice(versionOf(tx, current) - 1)) migrate(tx);
    tx.put(versionTable, key, current);
  });
  step('tables.migrated', { version: current });
}

function versionOf(tx: ReadTransaction, current: number): number {
  const found = tx.get(versionTable, key) ?? 1;
  if (found <= current) return found;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'TABLES_NEWER',
    message: `the metadata has tables of version ${found}, this Slipway knows ${current} at most`,
    hint: 'use the version of Slipway that wrote them, or a later one; slipway system rebuild makes the metadata anew from content',
    details: { found, expected: current },
  });
}
