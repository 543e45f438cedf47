import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { linux } from '@slipway/linux';
import { type MetadataStore, type ReadTransaction, SlipwayError, type Table, type WriteTransaction } from '@slipway/plugin-api';

/** JSON text of each row, by table and key. */
type Rows = Map<string, Map<string, string>>;

/** A {@link MetadataStore} in memory, for tests of parts that need one. It keeps the laws of metadata.v1 but durability. */
export function memoryMetadata(): MetadataStore {
  let rows: Rows = new Map();
  return {
    read: (fn) => reading(rows, fn),
    async write(fn) {
      // A write called inside another one's callback comes after it.
      await Promise.resolve();
      const changed = copyOf(rows);
      const result = writing(changed, fn);
      rows = changed;
      return result;
    },
  };
}

/** The same in a file that several processes may use and that outlives them. Slow: every transaction reads the whole file. */
export function fileMetadata(file: string): MetadataStore {
  return {
    read: (fn) => reading(load(file), fn),
    async write(fn) {
      const lock = openSync(`${file}.lock`, 'a');
      try {
        while (!linux.tryFlock(lock, 'exclusive')) await setTimeout(1);
        const rows = load(file);
        const result = writing(rows, fn);
        save(file, rows);
        return result;
      } finally {
        closeSync(lock);
      }
    },
  };
}

function load(file: string): Rows {
  if (!existsSync(file)) return new Map();
  const tables = JSON.parse(readFileSync(file, 'utf8')) as [string, [string, string][]][];
  return new Map(tables.map(([name, entries]) => [name, new Map(entries)]));
}

function save(file: string, rows: Rows): void {
  const fd = openSync(`${file}.new`, 'w');
  try {
    writeSync(fd, JSON.stringify([...rows].map(([name, entries]) => [name, [...entries]])));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${file}.new`, file);
}

const copyOf = (rows: Rows): Rows => new Map([...rows].map(([name, entries]) => [name, new Map(entries)]));

function reading<R>(rows: Rows, fn: (tx: ReadTransaction) => R): R {
  using transaction = new MemoryTransaction(rows);
  return fn(transaction);
}

function writing<R>(rows: Rows, fn: (tx: WriteTransaction) => R): R {
  using transaction = new MemoryTransaction(rows);
  const result = fn(transaction);
  if (typeof result === 'object' && result !== null && 'then' in result) {
    Promise.resolve(result).catch(() => undefined);
    throw refusal('METADATA_CALLBACK_ASYNC', 'write metadata: the callback returned a promise, expected a synchronous callback');
  }
  return result;
}

class MemoryTransaction implements WriteTransaction, Disposable {
  readonly #rows: Rows;
  #over = false;

  constructor(rows: Rows) {
    this.#rows = rows;
  }

  get<T>(table: Table<T>, key: string): T | undefined {
    const value = this.#table(table).get(key);
    return value === undefined ? undefined : parse(table, key, value);
  }

  *entries<T>(table: Table<T>, { prefix = '' }: { readonly prefix?: string } = {}): Iterable<readonly [string, T]> {
    const found = [...this.#table(table)].filter(([key]) => key.startsWith(prefix));
    found.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const [key, value] of found) yield [key, parse(table, key, value)];
  }

  put<T>(table: Table<T>, key: string, value: T): void {
    const bytes = Buffer.byteLength(key);
    if (bytes < 1 || bytes > 1024 || !key.isWellFormed()) {
      throw refusal('METADATA_KEY_INVALID', `key of ${bytes} bytes in table "${table.name}", expected 1 to 1024 bytes of UTF-8`);
    }
    this.#table(table).set(key, JSON.stringify(value));
  }

  delete<T>(table: Table<T>, key: string): boolean {
    return this.#table(table).delete(key);
  }

  [Symbol.dispose](): void {
    this.#over = true;
  }

  #table(table: Table<unknown>): Map<string, string> {
    if (this.#over) throw refusal('METADATA_TRANSACTION_OVER', 'use of a metadata transaction after its callback');
    const rows = this.#rows.get(table.name) ?? new Map<string, string>();
    this.#rows.set(table.name, rows);
    return rows;
  }
}

function parse<T>(table: Table<T>, key: string, value: string): T {
  try {
    return table.parse(JSON.parse(value));
  } catch (cause) {
    const message = `metadata row "${key}" of table "${table.name}" is not what it must be: ${String(cause)}`;
    throw new SlipwayError({ kind: 'data-loss', code: 'METADATA_VALUE_CORRUPT', message, cause });
  }
}

function refusal(code: string, message: string): SlipwayError {
  return new SlipwayError({ kind: 'invalid-argument', code, message });
}
