import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type EventLine, hasCode } from '@slipway/plugin-api';
import * as v from 'valibot';
import { journalFile } from './journal.js';
import { fullJournals, journalName } from './rotate.js';

const schema = v.object({
  time: v.string(),
  type: v.picklist(['container', 'image', 'volume', 'network']),
  action: v.string(),
  id: v.string(),
  attributes: v.custom<Readonly<Record<string, string>>>(
    (value) => typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'string'),
  ),
});

const chunkBytes = 64 * 1024;

interface OpenJournal {
  readonly fd: number;
  /** Bytes that were read. */
  at: number;
  /** The beginning of a line whose end is not there yet. */
  rest: Buffer;
}

/**
 * Reads journals as they grow. One that was put aside is read on for as long as it is kept: a writer that had opened it before may still write to it.
 */
export class JournalReader implements Disposable {
  readonly #open = new Map<bigint, OpenJournal>();

  constructor(
    private readonly state: string,
    from: 'beginning' | 'end',
  ) {
    this.#look();
    if (from === 'end') for (const journal of this.#open.values()) journal.at = fstatSync(journal.fd).size;
  }

  /** What has come since the last time, oldest first. What is no event of ours is passed over. */
  *read(): Generator<EventLine, void, undefined> {
    this.#look();
    for (const journal of this.#open.values()) yield* readOn(journal);
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  /** Oldest first: a journal that was not known is newer than all that were. */
  #look(): void {
    const present = this.#openAll();
    for (const [inode, journal] of this.#open) {
      if (present.has(inode) || hasMore(journal)) continue;
      closeSync(journal.fd);
      this.#open.delete(inode);
    }
  }

  /** The inodes of all that have a name, of one moment: none was put aside while they were opened. */
  #openAll(): ReadonlySet<bigint> {
    for (;;) {
      const full = this.#full();
      const present = new Set([...full, journalFile(this.state)].flatMap((file) => this.#openOne(file) ?? []));
      if (full.join() === this.#full().join()) return present;
    }
  }

  #openOne(file: string): bigint | undefined {
    const fd = openIfThere(file);
    if (fd === undefined) return undefined;
    const { ino } = fstatSync(fd, { bigint: true });
    // As long as it is open nothing else gets its number.
    if (this.#open.has(ino)) closeSync(fd);
    else this.#open.set(ino, { fd, at: 0, rest: Buffer.alloc(0) });
    return ino;
  }

  #full(): string[] {
    try {
      return fullJournals(this.state).map((number) => journalName(this.state, number));
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  }
}

function hasMore({ fd, at }: OpenJournal): boolean {
  return fstatSync(fd).size > at;
}

function* readOn(journal: OpenJournal): Generator<EventLine, void, undefined> {
  const chunk = Buffer.alloc(chunkBytes);
  for (;;) {
    const length = readSync(journal.fd, chunk, 0, chunk.length, journal.at);
    if (length === 0) return;
    journal.at += length;
    const text = Buffer.concat([journal.rest, chunk.subarray(0, length)]);
    const end = text.lastIndexOf(0x0a) + 1;
    journal.rest = Buffer.from(text.subarray(end));
    for (const line of text.toString('utf8', 0, end).split('\n')) {
      const event = parsed(line);
      if (event !== undefined) yield event;
    }
  }
}

function parsed(line: string): EventLine | undefined {
  if (line === '') return undefined;
  try {
    const result = v.safeParse(schema, JSON.parse(line));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
