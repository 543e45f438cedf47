import { SlipwayError, type Table, type WriteTransaction } from '@slipway/plugin-api';
import type { RootDatabase, Transaction } from 'lmdb';
import { keyOf, rowKey, rowPrefix } from './key.js';
import { decodeValue, encodeValue } from './value.js';

export type Rows = RootDatabase<Buffer, Buffer>;

/** Rows fetched by one cursor. Between pages no cursor is open, so the caller may write while it iterates. */
const pageRows = 256;

/** What a callback is given. {@link end} makes every further use an error. */
export class LmdbTransaction implements WriteTransaction {
  private isOpen: boolean = true;

  /** `snapshot` is the read transaction; absent inside a write transaction, whose own rows lmdb-js then reads. */
  constructor(
    private readonly rows: Rows,
    private readonly snapshot?: Transaction,
    /** Called before a row is put, with its size and whether one of that key is there. */
    private readonly beforePut: (bytes: number, isThere: () => boolean) => void = () => {},
  ) {}

  end(): void {
    this.isOpen = false;
  }

  get<T>(table: Table<T>, key: string): T | undefined {
    this.check();
    const row = rowKey(table, key);
    const bytes = this.snapshot === undefined ? this.rows.get(row) : this.rows.get(row, { transaction: this.snapshot });
    return bytes === undefined ? undefined : decodeValue(table, key, bytes);
  }

  *entries<T>(table: Table<T>, options: { readonly prefix?: string } = {}): Generator<readonly [key: string, value: T]> {
    for (const [key, value] of this.rowsOf(table, options)) yield [key, decodeValue(table, key, value)];
  }

  *keys(table: Table<unknown>, options: { readonly prefix?: string } = {}): Generator<string> {
    for (const [key] of this.rowsOf(table, options)) yield key;
  }

  private *rowsOf(
    table: Table<unknown>,
    options: { readonly prefix?: string },
  ): Generator<readonly [key: string, value: Buffer]> {
    const prefix = rowPrefix(table, options.prefix ?? '');
    let page = this.page(prefix, prefix, false);
    for (;;) {
      for (const { key: row, value } of page) {
        yield [keyOf(table, row), value];
        this.check();
      }
      const last = page.at(-1);
      if (last === undefined || page.length < pageRows) return;
      page = this.page(prefix, last.key, true);
    }
  }

  put<T>(table: Table<T>, key: string, value: T): void {
    this.check();
    const row = rowKey(table, key);
    const bytes = encodeValue(table, key, value);
    this.beforePut(row.length + bytes.length, () => this.rows.doesExist(row));
    this.rows.putSync(row, bytes);
  }

  delete<T>(table: Table<T>, key: string): boolean {
    this.check();
    return this.rows.removeSync(rowKey(table, key));
  }

  private page(
    prefix: Buffer,
    start: Buffer,
    exclusiveStart: boolean,
  ): readonly { readonly key: Buffer; readonly value: Buffer }[] {
    this.check();
    const page: { key: Buffer; value: Buffer }[] = [];
    const range = { start, exclusiveStart, limit: pageRows };
    const found = this.rows.getRange(this.snapshot === undefined ? range : { ...range, transaction: this.snapshot });
    for (const { key, value } of found) {
      if (!key.subarray(0, prefix.length).equals(prefix)) break;
      page.push({ key, value });
    }
    return page;
  }

  private check(): void {
    if (this.isOpen) return;
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'METADATA_TRANSACTION_OVER',
      message: 'metadata transaction was used after its callback had returned',
      hint: 'copy what is needed out of the callback, and write in a callback of its own',
    });
  }
}
