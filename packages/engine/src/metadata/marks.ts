import { setImmediate as nextTurn } from 'node:timers/promises';
import { type MetadataStore, type ReadTransaction, throwIfAborted } from '@slipway/plugin-api';
import { containerNeeds } from './container-rows.js';
import { contentTable } from './content.js';
import { imagesTable } from './images.js';
import { contentRefs, snapshotRefs } from './labels.js';
import { hasExpired, type LeaseRow, leasesTable } from './leases.js';
import { type References, referenceGeneration, referencesSince } from './references.js';
import { rowKey, rowName, rowPrefix } from './rows.js';

/** What names, containers and leases reach over the labels of the rows. What has no mark is garbage. */
export interface Marks {
  readonly content: ReadonlySet<string>;
  /** Per snapshotter: names that are needed; what they grow on is needed through them. */
  readonly snapshots: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface MarkOptions {
  /** Whether a lease keeps nothing any more. Default: it has run out. */
  readonly isOver?: ((id: string, lease: LeaseRow) => boolean) | undefined;
  /** Names of images that are to be looked at as if they were removed. */
  readonly withoutImages?: ReadonlySet<string> | undefined;
}

/** In one transaction, to which the marks belong. */
export function mark(tx: ReadTransaction, options: MarkOptions = {}): Marks {
  const marks = new TracedMarks();
  marks.addRoots(tx, options);
  while (marks.trace(tx, 1000));
  return marks;
}

/** Rows looked at in one turn of the event loop: some 10 ms. */
const rowsATurn = 1000;

/**
 * Marks that are made while others go on working, in many short read transactions, and then kept up with what others add.
 *
 * Nothing that is needed goes unmarked: what was reachable all the time is reached, and of a path that came to be meanwhile
 * some link was added, whose end stands in the journal of references.
 */
export class LiveMarks {
  readonly #metadata: MetadataStore;
  readonly #options: MarkOptions;
  #marks = new TracedMarks();

  private constructor(metadata: MetadataStore, options: MarkOptions) {
    this.#metadata = metadata;
    this.#options = options;
  }

  static async make(metadata: MetadataStore, options: MarkOptions = {}, signal?: AbortSignal): Promise<LiveMarks> {
    const marks = new LiveMarks(metadata, options);
    await marks.renew(signal);
    return marks;
  }

  get current(): Marks {
    return this.#marks;
  }

  /** Marks everything again. */
  async renew(signal?: AbortSignal): Promise<void> {
    const marks = new TracedMarks();
    this.#metadata.read((tx) => marks.addRoots(tx, this.#options));
    for (;;) {
      throwIfAborted('mark what is needed', signal);
      if (!this.#metadata.read((tx) => marks.trace(tx, rowsATurn))) break;
      await nextTurn();
    }
    this.#marks = marks;
  }

  /**
   * Adds what has come to be needed since: then the marks are those of `tx`, but for what is no longer needed.
   *
   * @returns false when that was too much to be told: {@link renew} them, outside of a write transaction
   */
  catchUp(tx: ReadTransaction): boolean {
    return this.#marks.catchUp(tx);
  }

  /** As `catchUp`, where there was no end of additions: it takes as long as it takes. */
  renewWithin(tx: ReadTransaction): void {
    const marks = new TracedMarks();
    marks.addRoots(tx, this.#options);
    while (marks.trace(tx, rowsATurn));
    this.#marks = marks;
  }
}

class TracedMarks implements Marks {
  readonly content = new Set<string>();
  readonly snapshots = new Map<string, Set<string>>();
  readonly #pending: string[] = [];
  #generation = 0;

  addRoots(tx: ReadTransaction, { isOver = (_, lease) => hasExpired(lease), withoutImages }: MarkOptions): void {
    this.#generation = referenceGeneration(tx);
    for (const [key, image] of tx.entries(imagesTable, { prefix: rowPrefix })) {
      if (withoutImages?.has(rowName(key)) !== true) this.#pending.push(image.target.digest);
    }
    for (const { manifest, chainId, snapshotter } of containerNeeds(tx)) {
      this.#pending.push(manifest);
      if (chainId !== null) this.#markSnapshot(snapshotter, chainId);
    }
    for (const [key, lease] of tx.entries(leasesTable, { prefix: rowPrefix })) {
      if (!isOver(rowName(key), lease)) this.#add(lease);
    }
  }

  /** Follows the labels of at most `limit` more blobs. False when there are none left. */
  trace(tx: ReadTransaction, limit: number): boolean {
    for (let count = 0; count < limit; ) {
      const digest = this.#pending.pop();
      if (digest === undefined) return false;
      if (this.content.has(digest)) continue;
      count++;
      this.content.add(digest);
      const labels = tx.get(contentTable, rowKey(digest))?.labels ?? {};
      this.#pending.push(...contentRefs(labels));
      for (const { snapshotter, name } of snapshotRefs(labels)) this.#markSnapshot(snapshotter, name);
    }
    return true;
  }

  catchUp(tx: ReadTransaction): boolean {
    const added = referencesSince(tx, this.#generation);
    if (added === undefined) return false;
    for (const references of added) this.#add(references);
    while (this.trace(tx, rowsATurn));
    this.#generation += added.length;
    return true;
  }

  #add({ content = [], snapshots = [] }: References): void {
    this.#pending.push(...content);
    for (const { snapshotter, name } of snapshots) this.#markSnapshot(snapshotter, name);
  }

  #markSnapshot(snapshotter: string, name: string): void {
    const names = this.snapshots.get(snapshotter) ?? new Set();
    this.snapshots.set(snapshotter, names.add(name));
  }
}
