import { createHash } from 'node:crypto';
import { defineTable, type SnapshotInfo, type SnapshotKind, type Table } from '@slipway/plugin-api';

/** A snapshot in the books. */
export interface SnapshotRow extends SnapshotInfo {
  /** Names its folder. Never used twice. */
  readonly id: number;
}

/** The tables of one snapshotter. */
export interface SnapshotTables {
  /** By {@link tableKey}. */
  readonly snapshots: Table<SnapshotRow>;
  /** `<parent's id>/<own id>` for every snapshot with a parent. */
  readonly children: Table<true>;
  /** The one row `next`: the first id that was never given out. */
  readonly ids: Table<number>;
}

export function snapshotTables(snapshotterId: string): SnapshotTables {
  const table = (name: string): string => `snapshotter.v1/${snapshotterId}/${name}`;
  return {
    snapshots: defineTable(table('snapshots'), parseRow),
    children: defineTable(table('children'), (value) => {
      if (value !== true) throw new Error(`found ${JSON.stringify(value)}, expected true`);
      return value;
    }),
    ids: defineTable(table('ids'), parseId),
  };
}

/**
 * The key of a snapshot in its table. The store takes 1,024 bytes, 512 characters may be 2,048: longer ones are cut and told
 * apart by their hash.
 */
export function tableKey(key: string): string {
  if (Buffer.byteLength(key) <= 1024) return key;
  return `${key.slice(0, 256)}\0${createHash('sha256').update(key).digest('hex')}`;
}

const kinds: readonly SnapshotKind[] = ['view', 'active', 'committed'];

function parseRow(value: unknown): SnapshotRow {
  const row = record(value, 'a snapshot');
  const kind = kinds.find((known) => known === row['kind']);
  if (kind === undefined) throw new Error(`found kind ${JSON.stringify(row['kind'])}, expected one of ${kinds.join(', ')}`);
  const parent = row['parent'] === undefined ? undefined : text(row, 'parent');
  const labels = record(row['labels'], 'labels');
  for (const label of Object.keys(labels)) text(labels, label);
  return {
    id: parseId(row['id']),
    kind,
    name: text(row, 'name'),
    ...(parent === undefined ? {} : { parent }),
    labels: labels as Record<string, string>,
    createdAt: text(row, 'createdAt'),
    updatedAt: text(row, 'updatedAt'),
  };
}

function parseId(value: unknown): number {
  if (!Number.isSafeInteger(value) || Number(value) < 1)
    throw new Error(`found ${JSON.stringify(value)}, expected a positive whole number`);
  return Number(value);
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`found ${JSON.stringify(value)}, expected ${what}`);
  return value as Record<string, unknown>;
}

function text(from: Readonly<Record<string, unknown>>, property: string): string {
  const value = from[property];
  if (typeof value !== 'string') throw new Error(`found ${property} ${JSON.stringify(value)}, expected a string`);
  return value;
}
