import { SlipwayError, type Table } from '@slipway/plugin-api';

/**
 * All tables share one lmdb tree: a row's key is `<table> NUL <key>` in UTF-8, so memcmp order is the contract's order
 * within a table. A table name holds no NUL, so no key of one table can be taken for one of another. Keys that begin
 * with NUL belong to the store itself (see format.ts).
 *
 * Longest: 128 (table) + 1 + 1,024 = 1,153 bytes; lmdb-js takes 1,978.
 */
const maxKeyBytes = 1024;

export function rowKey<T>(table: Table<T>, key: string): Buffer {
  const bytes = encoded(table, 'key', key);
  if (bytes.length < 1 || bytes.length > maxKeyBytes) {
    throw new SlipwayError({
      kind: 'invalid-argument',
      code: 'METADATA_KEY_INVALID',
      message: `key of table "${table.name}" has ${bytes.length} bytes, expected 1 to ${maxKeyBytes}`,
      details: { table: table.name, bytes: bytes.length },
    });
  }
  return Buffer.concat([tablePrefix(table), bytes]);
}

/** The range of the rows whose key starts with `prefix` (empty: the whole table). */
export function rowPrefix<T>(table: Table<T>, prefix: string): Buffer {
  return Buffer.concat([tablePrefix(table), encoded(table, 'prefix', prefix)]);
}

/** The `key` part of a row's key. */
export function keyOf<T>(table: Table<T>, row: Buffer): string {
  return row.toString('utf8', table.name.length + 1);
}

function tablePrefix<T>(table: Table<T>): Buffer {
  return Buffer.from(`${table.name}\0`);
}

function encoded<T>(table: Table<T>, what: string, text: string): Buffer {
  // A lone surrogate would become U+FFFD, and two keys one.
  if (text.isWellFormed()) return Buffer.from(text);
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'METADATA_KEY_INVALID',
    message: `${what} ${JSON.stringify(text)} of table "${table.name}" is not well-formed Unicode`,
    details: { table: table.name },
  });
}
