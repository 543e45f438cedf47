import type { MetadataStore, ReadTransaction, Table, WriteTransaction } from '@slipway/plugin-api';
import { metadataLaws } from '@slipway/plugin-testkit';
import { expect, test } from 'vitest';
import { runLaws } from './run-laws.ts';

/** Keeps rows in insertion order and forgets to undo: what a first attempt looks like. */
class BrokenStore implements MetadataStore {
  private readonly tables = new Map<string, Map<string, unknown>>();

  read<R>(fn: (tx: ReadTransaction) => R): R {
    return fn(this.transaction());
  }
  async write<R>(fn: (tx: WriteTransaction) => R): Promise<R> {
    return fn(this.transaction());
  }
  private transaction(): WriteTransaction {
    const rows = (table: Table<unknown>): Map<string, unknown> => {
      const found = this.tables.get(table.name) ?? new Map<string, unknown>();
      this.tables.set(table.name, found);
      return found;
    };
    return {
      get: (table, key) => (rows(table).has(key) ? table.parse(rows(table).get(key)) : undefined),
      put: (table, key, value) => void rows(table).set(key, value),
      delete: (table, key) => rows(table).delete(key),
      *entries(table, { prefix = '' } = {}) {
        for (const [key, value] of rows(table)) if (key.startsWith(prefix)) yield [key, table.parse(value)] as const;
      },
    };
  }
}

test('the metadata laws fail for a broken store, and only where it is broken', async () => {
  const { passed, failed } = await runLaws((runner) =>
    metadataLaws(runner, async () => {
      const store = new BrokenStore();
      return { store, reopen: async () => store, [Symbol.asyncDispose]: async () => {} };
    }),
  );
  expect(failed).toEqual([
    'iterates in the byte order of UTF-8 keys, within the table and the prefix',
    'refuses a key of 0 or 1,025 bytes, takes one of 1,024',
    'a callback that throws leaves nothing, and rejects with what it threw',
    'a callback that throws undoes nothing of the writes beside it',
    'refuses a callback that returns a promise, and writes nothing',
    'a transaction cannot be used after its callback',
    'a value that the table refuses is data-loss and names table and key',
  ]);
  expect(passed).toContain('gives what was put, until it is replaced or deleted');
});
