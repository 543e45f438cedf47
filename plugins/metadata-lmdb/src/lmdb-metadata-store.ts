import {
  type MetadataStore,
  type ReadTransaction,
  SlipwayError,
  step,
  type WriteTransaction,
  wrapError,
} from '@slipway/plugin-api';
import { inject, injectable } from 'tsyringe';
import type { Environment } from './environment.js';
import { diskFull, hasRoom, keepReserve, reserveHolds } from './room.js';
import { LmdbTransaction } from './transaction.js';

/** Token of the {@link Environment} in the plugin's container. */
export const environmentToken = 'metadata-lmdb:environment';

/** {@link MetadataStore} on one lmdb environment. See the README for how the laws are kept. */
@injectable()
export class LmdbMetadataStore implements MetadataStore, AsyncDisposable {
  private closed: boolean = false;
  private writing: boolean = false;
  /** Bytes put in transactions that are not committed yet; undefined when the next one begins a batch. */
  private batchBytes: number | undefined;
  private readonly inFlight = new Set<Promise<unknown>>();
  /** How to end the writes that wait for lmdb. */
  private readonly waiting = new Set<(error: unknown) => void>();
  /** Why nothing can be written any more. */
  private broken: SlipwayError | undefined;

  constructor(@inject(environmentToken) private readonly environment: Environment) {}

  read<R>(fn: (tx: ReadTransaction) => R): R {
    this.check('read');
    // lmdb-js would read the rows of the open write transaction, not committed ones.
    if (this.writing) throw nestedRead();
    const { rows } = this.environment;
    // lmdb-js keeps one read transaction for a turn of the event loop: without this, what another process committed
    // within the turn would stay unseen.
    rows.resetReadTxn();
    const snapshot = rows.useReadTransaction();
    const transaction = new LmdbTransaction(rows, snapshot);
    try {
      return fn(transaction);
    } finally {
      transaction.end();
      snapshot.done();
    }
  }

  async write<R>(fn: (tx: WriteTransaction) => R): Promise<R> {
    this.check('write');
    if (this.broken !== undefined) throw this.broken;
    const commit = this.commit(fn);
    this.inFlight.add(commit);
    try {
      return await commit;
    } finally {
      this.inFlight.delete(commit);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    // lmdb-js waits for the commits, but closes before callbacks that are still queued.
    await Promise.allSettled(this.inFlight);
    await this.environment[Symbol.asyncDispose]();
  }

  private async commit<R>(fn: (tx: WriteTransaction) => R): Promise<R> {
    const { rows } = this.environment;
    // Also because lmdb-js would run this callback inside the transaction of another one that called for it.
    await this.enter();
    let refused: { readonly error: unknown } | undefined;
    try {
      // A child transaction of the batch that one flush makes durable: what it throws undoes its own changes only. The
      // result is boxed, because lmdb-js would hold the lock of all processes while it waits for a promise.
      const written = rows.childTransaction(() => {
        const transaction = new LmdbTransaction(rows, undefined, (bytes, isThere) => this.beforePut(bytes, isThere));
        this.writing = true;
        try {
          if (this.batchBytes === undefined) this.keepReserve();
          this.batchBytes ??= 0;
          return { result: requireSynchronous(fn(transaction)) };
        } catch (error) {
          refused = { error };
          throw error;
        } finally {
          this.writing = false;
          transaction.end();
        }
      });
      const { result } = await this.orBroken(written);
      step('metadata.write.durable');
      return result;
    } catch (error) {
      if (refused !== undefined && refused.error === error) throw error;
      if (this.broken !== undefined && error === this.broken) throw error;
      const failure = await this.commitError(error);
      if (isGivenUp(rows)) this.giveUp(failure);
      throw failure;
    } finally {
      this.batchBytes = undefined;
      this.environment.writers.leave();
    }
  }

  private async enter(): Promise<void> {
    try {
      await this.environment.writers.enter();
    } catch (error) {
      throw wrapError(`write metadata in "${this.environment.folder}"`, error);
    }
  }

  /** lmdb-js never settles what is written after lmdb has given up the environment. */
  private orBroken<R>(written: Promise<R>): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    this.waiting.add(reject);
    void written.then(resolve, reject).finally(() => this.waiting.delete(reject));
    return promise;
  }

  private giveUp(cause: SlipwayError): void {
    const { folder } = this.environment;
    this.broken ??= new SlipwayError({
      kind: cause.kind,
      code: 'METADATA_BROKEN',
      message: `write metadata in "${folder}": an earlier write failed: ${cause.message}`,
      hint: 'nothing can be written until the engine is opened again; look for disk errors in the kernel log (dmesg)',
      cause,
      details: { folder },
    });
    for (const reject of this.waiting) reject(this.broken);
  }

  private beforePut(bytes: number, isThere: () => boolean): void {
    this.batchBytes = (this.batchBytes ?? 0) + bytes;
    const { folder, dataFd } = this.environment;
    if (hasRoom(folder, this.batchBytes)) return;
    // What is to be deleted is marked first: a row that changes costs no more than one that goes.
    if (isThere() && reserveHolds(dataFd, this.batchBytes)) return;
    throw diskFull(folder, `the rows need ${this.batchBytes} bytes`);
  }

  private keepReserve(): void {
    try {
      keepReserve(this.environment.dataFd);
    } catch (error) {
      throw wrapError(`write metadata in "${this.environment.folder}"`, error);
    }
  }

  private check(what: string): void {
    if (!this.closed) return;
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'METADATA_CLOSED',
      message: `${what} metadata in "${this.environment.folder}": the store was closed`,
    });
  }

  private async commitError(error: unknown): Promise<SlipwayError> {
    const cause = await causeOf(error);
    const { folder } = this.environment;
    const why = cause instanceof Error ? cause.message : String(cause);
    if (isNoSpace(cause, folder)) return diskFull(folder, why, cause);
    return new SlipwayError({
      kind: 'data-loss',
      code: 'METADATA_WRITE_FAILED',
      message: `write metadata in "${folder}": ${why}; nothing was changed`,
      hint: 'look for disk errors in the kernel log (dmesg), and whether the disk is full',
      cause,
      details: { folder },
    });
  }
}

function isNoSpace(cause: unknown, folder: string): boolean {
  if (!(cause instanceof Error && 'code' in cause)) return false;
  // lmdb says EIO (5) instead of ENOSPC (28) when the disk took a part of the pages.
  return cause.code === 28 || cause.code === 'ENOSPC' || (cause.code === 5 && !hasRoom(folder, 0));
}

/**
 * Whether no transaction can begin any more: where the page could not be written that says what is valid, lmdb gives the
 * environment up until it is opened again (MDB_PANIC, which a transaction of this form meets as EINVAL).
 */
function isGivenUp(rows: Environment['rows']): boolean {
  try {
    rows.transactionSync(() => undefined);
    return false;
  } catch {
    return true;
  }
}

function nestedRead(): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'METADATA_READ_IN_WRITE',
    message: 'read metadata: called inside a write callback',
    hint: 'read through the transaction that the callback was given',
  });
}

function requireSynchronous<R>(result: R): R {
  if (typeof result !== 'object' || result === null || !('then' in result) || typeof result.then !== 'function') return result;
  // What becomes of it is of no interest, but it must not end the process as an unhandled rejection.
  Promise.resolve(result).catch(() => {});
  throw new SlipwayError({
    kind: 'invalid-argument',
    code: 'METADATA_CALLBACK_ASYNC',
    message: 'write metadata: the callback returned a promise, expected a synchronous callback; nothing was written',
    hint: 'do the waiting before or after the write: a transaction that waits stops every other process',
  });
}

/** lmdb-js tells why a commit failed in a promise beside the error. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}
