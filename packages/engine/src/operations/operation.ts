import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { step, wrapError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { operationsFolder } from './records.js';
import { type Resource, releaseResource } from './resource.js';

export interface Held {
  /** In the record. */
  readonly line: number;
  /** It needs no release any more. */
  forget(): void;
  release(): Promise<void>;
}

/**
 * Work in flight. There is no daemon that could clean up after a `kill -9`, so everything that an operation acquires is
 * written to its record `state/ops/<id>` *before* it is acquired. The record is held by flock(2); the lock lives as long
 * as any process has the descriptor open (the container monitor inherits it), with no clocks and no guessing of pids. Who
 * can take the lock of a record finds it abandoned and replays it in reverse (see recovery.ts).
 */
export class Operation implements AsyncDisposable {
  readonly id: string;
  /** Held by whoever must keep the operation alive. */
  readonly fd: number;
  /** The record, by which it is found when it was killed. */
  readonly file: string;
  readonly #parts: EngineParts;
  readonly #held: { readonly line: number; readonly resource: Resource }[] = [];
  #lines = 0;
  #ended = false;

  private constructor(parts: EngineParts, id: string, fd: number, file: string) {
    this.#parts = parts;
    this.id = id;
    this.fd = fd;
    this.file = file;
  }

  /**
   * @param of what there is one operation of at a time: then it can be found by that name. Its beginner sees to it that there is no other, live or abandoned.
   */
  static begin(parts: EngineParts, what: string, of?: string): Operation {
    const folder = operationsFolder(parts.settings.state);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const head = line({ root: realpathSync(parts.settings.root) });
      for (;;) {
        const id = `${what}-${of ?? randomBytes(8).toString('hex')}`;
        const file = path.join(folder, id);
        // A new one for each try: who has taken the last for abandoned may not have removed it yet.
        const unlocked = path.join(folder, `.${what}-${randomBytes(8).toString('hex')}`);
        const fd = createLocked(unlocked, file, head);
        if (fd === undefined) continue;
        step('operation.begun', { id });
        return new Operation(parts, id, fd, file);
      }
    } catch (error) {
      throw wrapError(`create an operation record in ${JSON.stringify(folder)}`, error);
    }
  }

  /** Records a resource; call it right before acquiring. The handle says when it needs no release any more. */
  acquire(resource: Resource): Held {
    const number = this.#lines++;
    this.#write({ line: number, acquire: resource });
    this.#held.push({ line: number, resource });
    const forget = (): void => {
      if (this.#drop([number]) && !this.#ended) this.#forget(number);
    };
    return {
      line: number,
      forget,
      release: async () => {
        await releaseResource(this.#parts, resource);
        forget();
      },
    };
  }

  /** They belong to someone else from now on: all of them, or, when this is killed before, none. */
  handOver(held: readonly Held[]): void {
    const lines = held.map(({ line }) => line);
    this.#write({ forget: lines });
    this.#drop(lines);
  }

  /** Leaves everything to whoever else has the descriptor; when they end, it is abandoned. */
  leave(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#held.splice(0);
    closeSync(this.fd);
    step('operation.left', { id: this.id });
  }

  /** Releases what is still held, last first, and removes the record. One release that fails does not stop the others. */
  async end(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const failures: unknown[] = [];
    for (const { resource } of this.#held.splice(0).reverse()) {
      try {
        await releaseResource(this.#parts, resource);
      } catch (error) {
        failures.push(error);
        this.#parts.log.error(`clean up of ${resource.kind} failed, the next command tries again: ${String(error)}`);
      }
    }
    // With a failure the record stays behind unlocked, for the next command to replay.
    if (failures.length === 0) this.#removeRecord();
    closeSync(this.fd);
    step('operation.ended', { id: this.id });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  #drop(lines: readonly number[]): boolean {
    const kept = this.#held.filter(({ line }) => !lines.includes(line));
    return this.#held.splice(0, this.#held.length, ...kept).length > kept.length;
  }

  #write(entry: unknown): void {
    const { size } = fstatSync(this.fd);
    try {
      writeFileSync(this.fd, line(entry));
    } catch (error) {
      // On a full disk a part of the line may be there, and the next one would be read as its end.
      ftruncateSync(this.fd, size);
      throw wrapError(`write operation record ${JSON.stringify(this.file)}`, error);
    }
  }

  /** What was done is done: a record that stays lists nothing that is still held, and goes with the next command. */
  #removeRecord(): void {
    try {
      unlinkSync(this.file);
    } catch (error) {
      this.#parts.log.warn(`an operation record stays until the next command: ${String(error)}`);
    }
  }

  /** Where this cannot be written down it does no harm: what is gone can be released again. */
  #forget(number: number): void {
    try {
      this.#write({ forget: number });
    } catch (error) {
      this.#parts.log.debug(String(error));
    }
  }
}

function line(entry: unknown): string {
  return `${JSON.stringify(entry)}\n`;
}

/**
 * Locked before it has its final name: a record that can be found unlocked is abandoned. Undefined when another process
 * took the file for abandoned in the moment between its creation and its lock.
 */
function createLocked(unlocked: string, file: string, head: string): number | undefined {
  const { O_CREAT, O_EXCL, O_RDWR, O_APPEND } = constants;
  const fd = openSync(unlocked, O_CREAT | O_EXCL | O_RDWR | O_APPEND, 0o600);
  try {
    if (linux.tryFlock(fd, 'exclusive') && fstatSync(fd).nlink === 1) {
      writeFileSync(fd, head);
      renameSync(unlocked, file);
      return fd;
    }
  } catch (error) {
    closeSync(fd);
    rmSync(unlocked, { force: true });
    throw error;
  }
  closeSync(fd);
  return undefined;
}
