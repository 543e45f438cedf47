import type { MetadataStore, PrepareOptions, ReadTransaction, SnapshotInfo, WriteTransaction } from '@slipway/plugin-api';
import {
  hasChildren,
  hasParent,
  invalidKey,
  invalidLabel,
  parentNotCommitted,
  parentNotFound,
  parentReplaced,
  snapshotExists,
  snapshotNotFound,
  snapshotterClosed,
  wrongKind,
} from './errors.js';
import { type SnapshotRow, type SnapshotTables, snapshotTables, tableKey } from './row.js';

/** A snapshot and the committed ones below it, topmost first. */
export interface Lineage {
  readonly row: SnapshotRow;
  readonly parents: readonly SnapshotRow[];
}

/** What a new snapshot is to be. */
export interface NewSnapshot {
  readonly id: number;
  readonly kind: 'active' | 'view';
  readonly key: string;
  /** As {@link SnapshotBooks.check} found it. */
  readonly parent: SnapshotRow | undefined;
  readonly labels: PrepareOptions['labels'];
}

/** What an active snapshot is to become. */
export interface Commitment {
  readonly id: number;
  readonly name: string;
  readonly key: string;
  /** As {@link SnapshotBooks.checkCommit} found it. */
  readonly newParent: SnapshotRow | undefined;
  readonly labels: PrepareOptions['labels'];
}

/** What can be committed. */
export interface Committable {
  readonly row: SnapshotRow;
  /** What it is put onto, when that is asked for. */
  readonly newParent: SnapshotRow | undefined;
}

/** Ids reserved in one transaction: one flush for many snapshots. Those a process does not use are lost, which costs nothing. */
const idsAtOnce = 64;

/** Which snapshots there are: rows in the metadata store, changed in short transactions. Folders are not its business. */
export class SnapshotBooks {
  readonly #metadata: MetadataStore;
  readonly #tables: SnapshotTables;
  #freeIds: number[] = [];
  #isClosed = false;

  constructor(metadata: MetadataStore, snapshotterId: string) {
    this.#metadata = metadata;
    this.#tables = snapshotTables(snapshotterId);
  }

  /** From now on every call is refused; the metadata store is another's to close. */
  close(): void {
    this.#isClosed = true;
  }

  get #open(): MetadataStore {
    if (this.#isClosed) throw snapshotterClosed();
    return this.#metadata;
  }

  /** Errors: `not-found`. */
  row(what: string, key: string): SnapshotRow {
    return this.#open.read((tx) => this.#row(tx, what, key));
  }

  /** The snapshot with its ancestors, as of one moment. Errors: `not-found`. */
  lineage(what: string, key: string): Lineage {
    return this.#open.read((tx) => {
      const row = this.#row(tx, what, key);
      const parents: SnapshotRow[] = [];
      for (let parent = row.parent; parent !== undefined; ) {
        const next = this.#row(tx, what, parent);
        parents.push(next);
        parent = next.parent;
      }
      return { row, parents };
    });
  }

  /** All rows in key order (bytes of UTF-8). */
  all(): SnapshotRow[] {
    const rows = this.#open.read((tx) => [...tx.entries(this.#tables.snapshots)].map(([, row]) => row));
    // Not the table's order for keys that were cut.
    return rows.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  }

  /** Ids of all rows. */
  ids(): Set<number> {
    return new Set(this.#open.read((tx) => [...tx.entries(this.#tables.snapshots)].map(([, { id }]) => id)));
  }

  /** An id that no snapshot ever had. */
  async newId(): Promise<number> {
    for (;;) {
      const id = this.#freeIds.shift();
      if (id !== undefined) return id;
      const first = await this.#open.write((tx) => {
        const next = tx.get(this.#tables.ids, 'next') ?? 1;
        tx.put(this.#tables.ids, 'next', next + idsAtOnce);
        return next;
      });
      this.#freeIds.push(...Array.from({ length: idsAtOnce }, (_, i) => first + i));
    }
  }

  /** Refuses early what {@link record} would refuse after the work. Returns the parent's row. Errors: as `prepare`. */
  check(what: string, key: string, parent: string | undefined): SnapshotRow | undefined {
    return this.#open.read((tx) => this.#check(tx, what, key, parent));
  }

  /** Errors: as `prepare`; `aborted` when the parent is another one than was copied from. */
  async record(what: string, { id, kind, key, parent, labels }: NewSnapshot): Promise<void> {
    const now = new Date().toISOString();
    await this.#open.write((tx) => {
      const found = this.#check(tx, what, key, parent?.name);
      if (parent !== undefined && found?.id !== parent.id) throw parentReplaced(what, key, parent.name);
      tx.put(this.#tables.snapshots, tableKey(key), {
        id,
        kind,
        name: key,
        ...(parent === undefined ? {} : { parent: parent.name }),
        labels: checkedLabels(what, key, labels),
        createdAt: now,
        updatedAt: now,
      });
      if (parent !== undefined) tx.put(this.#tables.children, `${parent.id}/${id}`, true);
    });
  }

  /** The active snapshot `key` becomes the committed `name`. Errors: as `commit`; `aborted` when the new parent is another one by now. */
  async commit(what: string, { id, name, key, newParent, labels }: Commitment): Promise<void> {
    const updatedAt = new Date().toISOString();
    await this.#open.write((tx) => {
      const { row, newParent: found } = this.#checkCommit(tx, what, name, key, newParent?.name);
      // Removed and prepared anew since its files were flushed.
      if (row.id !== id) throw snapshotNotFound(what, key);
      if (newParent !== undefined && found?.id !== newParent.id) throw parentReplaced(what, key, newParent.name);
      tx.delete(this.#tables.snapshots, tableKey(key));
      tx.put(this.#tables.snapshots, tableKey(name), {
        ...row,
        kind: 'committed',
        name,
        ...(newParent === undefined ? {} : { parent: newParent.name }),
        labels: checkedLabels(what, name, labels),
        updatedAt,
      });
      if (newParent !== undefined) tx.put(this.#tables.children, `${newParent.id}/${id}`, true);
    });
  }

  /** Refuses early what {@link commit} would refuse after the flush. Errors: as `commit`. */
  checkCommit(what: string, name: string, key: string, newParent: string | undefined): Committable {
    return this.#open.read((tx) => this.#checkCommit(tx, what, name, key, newParent));
  }

  /** Returns the removed row. Errors: as `remove`. */
  async remove(what: string, key: string): Promise<SnapshotRow> {
    return await this.#open.write((tx) => {
      const row = this.#row(tx, what, key);
      for (const _ of tx.entries(this.#tables.children, { prefix: `${row.id}/` })) throw hasChildren(what, key);
      tx.delete(this.#tables.snapshots, tableKey(key));
      if (row.parent !== undefined) this.#forgetChild(tx, what, row.parent, row.id);
      return row;
    });
  }

  async update(what: string, key: string, labels: SnapshotInfo['labels']): Promise<SnapshotRow> {
    const updatedAt = new Date().toISOString();
    return await this.#open.write((tx) => {
      const row: SnapshotRow = { ...this.#row(tx, what, key), labels: checkedLabels(what, key, labels), updatedAt };
      tx.put(this.#tables.snapshots, tableKey(key), row);
      return row;
    });
  }

  #forgetChild(tx: WriteTransaction, what: string, parent: string, id: number): void {
    tx.delete(this.#tables.children, `${this.#row(tx, what, parent).id}/${id}`);
  }

  #row(tx: ReadTransaction, what: string, key: string): SnapshotRow {
    checkKey(what, key);
    const row = tx.get(this.#tables.snapshots, tableKey(key));
    if (row === undefined) throw snapshotNotFound(what, key);
    return row;
  }

  #checkFree(tx: ReadTransaction, what: string, key: string): void {
    checkKey(what, key);
    if (tx.get(this.#tables.snapshots, tableKey(key)) !== undefined) throw snapshotExists(what, key);
  }

  #check(tx: ReadTransaction, what: string, key: string, parent: string | undefined): SnapshotRow | undefined {
    this.#checkFree(tx, what, key);
    return parent === undefined ? undefined : this.#parent(tx, what, key, parent);
  }

  #checkCommit(tx: ReadTransaction, what: string, name: string, key: string, newParent: string | undefined): Committable {
    const row = this.#row(tx, what, key);
    if (row.kind !== 'active') throw wrongKind(what, key, row.kind, '"active"');
    this.#checkFree(tx, what, name);
    if (newParent === undefined) return { row, newParent: undefined };
    if (row.parent !== undefined) throw hasParent(what, key, row.parent);
    return { row, newParent: this.#parent(tx, what, key, newParent) };
  }

  #parent(tx: ReadTransaction, what: string, key: string, parent: string): SnapshotRow {
    checkKey(what, parent);
    const row = tx.get(this.#tables.snapshots, tableKey(parent));
    if (row === undefined) throw parentNotFound(what, key, parent);
    if (row.kind !== 'committed') throw parentNotCommitted(what, key, parent, row.kind);
    return row;
  }
}

function checkKey(what: string, key: string): void {
  if (typeof key !== 'string' || !key.isWellFormed() || key.length === 0 || [...key].length > 512)
    throw invalidKey(what, String(key));
}

/** A row that its table would refuse later must not get in. */
function checkedLabels(what: string, key: string, labels: PrepareOptions['labels']): SnapshotInfo['labels'] {
  for (const [label, value] of Object.entries(labels ?? {})) {
    if (typeof value !== 'string') throw invalidLabel(what, key, label, typeof value);
  }
  return labels ?? {};
}
