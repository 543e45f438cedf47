import { definePoint } from '../point.js';

/**
 * # MetadataStore: small, ordered, transactional tables
 *
 * Names, containers, leases, labels and the books of snapshotters live here; content does not. A {@link Table} is a named,
 * typed, ordered map from string keys (byte order of their UTF-8, 1 to 1,024 bytes) to plain data (what structured clone
 * of JSON values keeps). The store knows nothing of what the tables mean; namespaces, labels and garbage collection are
 * built over it in the engine, once, for every implementation.
 *
 * Laws:
 * 1. `write` runs its callback in one write transaction, exclusive over all processes; the promise fulfils when the commit
 *    is on disk. A callback that throws leaves nothing behind and rejects with what it threw.
 * 2. Callbacks are synchronous and short: no await, no I/O, no spawn. A callback that returns a promise rejects with
 *    `invalid-argument` and nothing is written, because a stopped writer stops every other process.
 * 3. Inside `write`, reads see the writes before them. `read` sees one committed state throughout, never half of another's.
 * 4. Commits that were acknowledged survive kill -9 and power loss; unacknowledged ones are there whole or not at all.
 * 5. A stored value that a table's `parse` refuses is `data-loss` and names table and key; one that is put is `invalid-argument`, and nothing
 *    is written: what is there can be read. A store of a newer format is `failed-precondition`; nothing is touched.
 *
 * ```ts
 * const images = defineTable('images', parseImage);
 * await metadata.write((tx) => { if (tx.get(images, name) === undefined) tx.put(images, name, image); });
 * ```
 *
 * @stable
 * @since 0.1
 */
export interface MetadataStore {
  /** Runs `fn` over one committed state. Errors: what `fn` throws, `data-loss`. */
  read<R>(fn: (tx: ReadTransaction) => R): R;
  /** Runs `fn` in a write transaction. Errors: what `fn` throws, `data-loss`, `resource-exhausted`. */
  write<R>(fn: (tx: WriteTransaction) => R): Promise<R>;
}

export const metadataPoint = definePoint<MetadataStore>('metadata.v1');

/** A table's name and the check of what comes out of it. */
export interface Table<T> {
  readonly name: string;
  /** Checks a stored value; throws to refuse it. */
  readonly parse: (value: unknown) => T;
}

const tableName = /^[a-z0-9][a-z0-9./-]{0,127}$/;

export function defineTable<T>(name: string, parse: (value: unknown) => T): Table<T> {
  if (!tableName.test(name)) throw new TypeError(`table name "${name}" must match ${tableName.source}`);
  return { name, parse };
}

/** Valid only inside its callback. */
export interface ReadTransaction {
  get<T>(table: Table<T>, key: string): T | undefined;
  /** Entries in key order; only keys that start with `prefix`. */
  entries<T>(table: Table<T>, options?: { readonly prefix?: string }): Iterable<readonly [key: string, value: T]>;
  /** As {@link entries}, without a look at the values: who is to pass over one that cannot be read asks for each by its key. */
  keys(table: Table<unknown>, options?: { readonly prefix?: string }): Iterable<string>;
}

export interface WriteTransaction extends ReadTransaction {
  /** Errors: `invalid-argument` for a value that the table would refuse when it is read. */
  put<T>(table: Table<T>, key: string, value: T): void;
  /** True when the key was there. */
  delete<T>(table: Table<T>, key: string): boolean;
}
