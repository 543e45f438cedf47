import { type ReadTransaction, SlipwayError, type Table, type WriteTransaction } from '@slipway/plugin-api';

/** JSON text of each row, by table and key. */
export type StoredRows = Map<string, Map<string, string>>;

export function reading<R>(rows: StoredRows, fn: (tx: ReadTransaction) => R): R {
  using transaction = new MemoryTransaction(rows);
  return fn(transaction);
}

/** Runs `fn` over a copy, and gives the copy when it has succeeded. */
export function writing<R>(
  before: StoredRows,
  fn: (tx: WriteTransaction) => R,
): { readonly rows: StoredRows; readonly result: R } {
  const rows = new Map([...before].map(([name, entries]) => [name, new Map(entries)]));
  using transaction = new MemoryTransaction(rows);
  const result = fn(transaction);
  if (typeof result === 'object' && result !== null && 'then' in result) {
    Promise.resolve(result).catch(() => undefined);
    throw refusal('METADATA_CALLBACK_ASYNC', 'write metadata: the callback returned a promise, expected a synchronous callback');
  }
  return { rows, result };
}

class MemoryTransaction implements WriteTransaction, Disposable {
  readonly #rows: StoredRows;
  #over = false;

  constructor(rows: StoredRows) {
    this.#rows = rows;
  }

  get<T>(table: Table<T>, key: string): T | undefined {
    const value = this.#table(table).get(key);
    return value === undefined ? undefined : parse(table, key, value);
  }

  *entries<T>(table: Table<T>, options: { readonly prefix?: string } = {}): Iterable<readonly [string, T]> {
    for (const [key, value] of this.#rowsOf(table, options)) yield [key, parse(table, key, value)];
  }

  *keys(table: Table<unknown>, options: { readonly prefix?: string } = {}): Iterable<string> {
    for (const [key] of this.#rowsOf(table, options)) yield key;
  }

  *#rowsOf(table: Table<unknown>, { prefix = '' }: { readonly prefix?: string }): Iterable<readonly [string, string]> {
    const found = [...this.#table(table)].filter(([key]) => key.startsWith(prefix));
    found.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const [key, value] of found) {
      this.#check();
      yield [key, value];
    }
  }

  put<T>(table: Table<T>, key: string, value: T): void {
    const bytes = Buffer.byteLength(key);
    if (bytes < 1 || bytes > 1024 || !key.isWellFormed())
      throw refusal('METADATA_KEY_INVALID', `key of ${bytes} bytes in table "${table.name}", expected 1 to 1024 bytes of UTF-8`);
    this.#table(table).set(key, jsonOf(table, key, value));
  }

  delete<T>(table: Table<T>, key: string): boolean {
    return this.#table(table).delete(key);
  }

  [Symbol.dispose](): void {
    this.#over = true;
  }

  #table(table: Table<unknown>): Map<string, string> {
    this.#check();
    const rows = this.#rows.get(table.name) ?? new Map<string, string>();
    this.#rows.set(table.name, rows);
    return rows;
  }

  #check(): void {
    if (this.#over) throw refusal('METADATA_TRANSACTION_OVER', 'use of a metadata transaction after its callback');
  }
}

function jsonOf<T>(table: Table<T>, key: string, value: T): string {
  try {
    const text = JSON.stringify(value);
    if (isJson(value)) {
      table.parse(JSON.parse(text));
      return text;
    }
  } catch {
    // A cycle or a BigInt, or what the table refuses.
  }
  throw refusal(
    'METADATA_VALUE_INVALID',
    `value of "${key}" in table "${table.name}" is no plain JSON data, or not what the table holds`,
  );
}

/** Nothing that JSON would change in silence; absent and undefined properties are one. */
function isJson(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  if (typeof value !== 'object' || value === null) return value === null || ['string', 'boolean'].includes(typeof value);
  const prototype: unknown = Object.getPrototypeOf(value);
  // Plain objects of another realm have another Object.prototype; what they share is that nothing is above it.
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isPlain && Object.values(value).every((property) => property === undefined || isJson(property));
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
