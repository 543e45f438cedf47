import { defineTable } from '@slipway/plugin-api';
import { memoryMetadata } from '@slipway/plugin-testkit';
import { expect, it } from 'vitest';
import { findContainer } from '../dist/containers/find.js';
import { requireTables, type TablesMigration } from '../dist/metadata/tables-version.js';

const rows = defineTable('rows', (value) => value);
const versions = defineTable('version', (value) => value);
const adding =
  (name: string): TablesMigration =>
  (tx) =>
    tx.put(rows, name, true);

it('a store without a version is of the first one, and nothing is written for it while there is no other', async () => {
  const metadata = memoryMetadata();
  await requireTables(metadata, []);
  expect(metadata.read((tx) => [...tx.entries(versions)])).toEqual([]);
});

it('a container of the first version has its id for a name, and goes when it ends', async () => {
  const metadata = memoryMetadata();
  const first = defineTable('containers', (value) => value);
  const row = {
    image: 'x',
    operation: 'run-1',
    manifest: 'sha256:1',
    chainId: null,
    snapshotter: 'overlay',
    snapshotKey: 'key',
    runtime: 'runc',
    createdAt: '2026-01-01T00:00:00Z',
  };
  await metadata.write((tx) => tx.put(first, 'default/web', row));
  await requireTables(metadata);
  expect(findContainer({ metadata }, 'web')).toMatchObject({ id: 'web', row: { ...row, name: 'web', removeAtExit: true } });
  expect(metadata.read((tx) => tx.get(versions, 'engine'))).toBe(2);
});

it('older tables are migrated step by step, once', async () => {
  const metadata = memoryMetadata();
  await requireTables(metadata, [adding('first')]);
  await metadata.write((tx) => tx.delete(rows, 'first'));
  await requireTables(metadata, [adding('first'), adding('second')]);
  expect(metadata.read((tx) => [...tx.entries(rows)].map(([key]) => key))).toEqual(['second']);
  await requireTables(metadata, [adding('never'), adding('never')]);
  expect(metadata.read((tx) => tx.get(rows, 'never'))).toBeUndefined();
});

it('a migration that fails leaves everything as it was', async () => {
  const metadata = memoryMetadata();
  const failing = (): never => {
    throw new Error('mine');
  };
  await expect(requireTables(metadata, [adding('first'), failing])).rejects.toThrow('mine');
  expect(metadata.read((tx) => [...tx.entries(rows), ...tx.entries(versions)])).toEqual([]);
});

it('newer tables are refused and not touched', async () => {
  const metadata = memoryMetadata();
  await metadata.write((tx) => tx.put(versions, 'engine', 3));
  const refused = { kind: 'failed-precondition', code: 'TABLES_NEWER', details: { found: 3, expected: 2 } };
  await expect(requireTables(metadata, [adding('first')])).rejects.toMatchObject(refused);
  expect(metadata.read((tx) => [...tx.entries(rows)])).toEqual([]);
});
