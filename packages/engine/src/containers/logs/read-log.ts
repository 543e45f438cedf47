import path from 'node:path';
import { canceled, type LogEntry, type LogsOptions, SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import { LogChanges } from './log-changes.js';
import { closeAll, inodeAt, type LogFile, openLogFiles } from './log-files.js';
import { type LogFilter, logFilter } from './log-filter.js';
import { type LogPosition, readLines } from './read-file.js';
import { findTail } from './tail.js';

export interface LogSource {
  readonly directory: string;
  /** How many files are kept in all. */
  readonly maxFiles: number;
  /** Whether something may still be written. */
  readonly isLive: () => Promise<boolean>;
}

/**
 * The lines of a log in batches, oldest first: those that are there, and with `follow` those to come until nothing will. What is torn (a machine stopped) is passed over.
 * A follower that is slower than rotation, whose next file is gone, gets LOG_BEHIND after all lines before it; of a log of one file nobody can tell, and it goes on
 * with what there is.
 *
 * Errors: `data-loss` (LOG_BEHIND), `canceled`; of the file system.
 */
export async function* readLog(source: LogSource, options: LogsOptions): AsyncGenerator<readonly LogEntry[]> {
  const { signal, tail, follow = false } = options;
  const what = `logs in ${JSON.stringify(source.directory)}`;
  const filter = logFilter(options);
  throwIfAborted(what, signal);
  // Before the first look: no change between it and the first wait is missed.
  using changes = follow ? new LogChanges(source.directory, signal) : undefined;
  const files = await openLogFiles(source.directory);
  try {
    const first = tail === undefined ? { file: 0, offset: 0 } : await findTail(files, tail, filter);
    await closeAll(files.splice(0, first.file));
    const log = new OpenLog(files, first.offset);
    for await (const entries of untilEnd(log, filter)) {
      yield entries;
      throwIfAborted(what, signal);
    }
    if (changes !== undefined) yield* followed(source, options, log, filter, changes);
  } catch (error) {
    throw signal?.aborted === true ? canceled(what, signal) : error;
  } finally {
    await closeAll(files);
  }
}

/** The files that are open, oldest first, and where reading is on in the first of them. */
class OpenLog {
  readonly position: LogPosition;

  constructor(
    readonly files: LogFile[],
    offset: number,
  ) {
    this.position = { offset, isInside: false };
  }

  async next(): Promise<void> {
    await this.files.shift()?.close();
    this.position.offset = 0;
    this.position.isInside = false;
  }
}

/** What was there when the files were opened. */
async function* untilEnd(log: OpenLog, filter: LogFilter): AsyncGenerator<LogEntry[]> {
  for (let file = log.files[0]; file !== undefined; file = log.files[0]) {
    yield* readLines(file, log.position, filter, file.size);
    if (log.files.length === 1) return;
    await log.next();
  }
}

async function* followed(
  source: LogSource,
  { until }: LogsOptions,
  log: OpenLog,
  filter: LogFilter,
  changes: LogChanges,
): AsyncGenerator<LogEntry[]> {
  const current = path.join(source.directory, 'log');
  for (;;) {
    // In this order: what is written last before the end, or before a rotation, is read after it was noticed.
    const isOver = changes.takeSignOfEnd() && !(await source.isLive());
    const isLast = isOver || (until !== undefined && Date.now() > until.getTime());
    const isRotated = log.files.length > 1 || log.files[0]?.inode !== (await inodeAt(current));
    const file = log.files[0];
    if (file !== undefined) yield* readLines(file, log.position, filter);
    if (isRotated) {
      if (log.files.length < 2) await openNewer(source, log);
      if (file !== undefined && log.files.length > 1) await log.next();
      else if (log.files[0] === file) {
        // Just between the names: the new file is not there yet, and never will be where the monitor was killed then.
        if (isLast) return;
        await changes.next(until);
      }
    } else if (isLast) {
      return;
    } else {
      await changes.next(until);
    }
  }
}

/** Adds the files that are newer than the one that was read, which has no newer one yet. */
async function openNewer({ directory, maxFiles }: LogSource, log: OpenLog): Promise<void> {
  const files = await openLogFiles(directory);
  const [read] = log.files;
  const at = read === undefined ? -1 : files.findIndex(({ inode }) => inode === read.inode);
  await closeAll(files.splice(0, at + 1));
  log.files.push(...files);
  if (read !== undefined && at < 0 && files.length > 0 && maxFiles > 1) throw behind(directory);
}

function behind(directory: string): SlipwayError {
  return new SlipwayError({
    kind: 'data-loss',
    code: 'LOG_BEHIND',
    message: `following the log in ${JSON.stringify(directory)}: lines were rotated away before they were read`,
    hint: 'read faster, or keep more: --log-opt max-size=100m --log-opt max-file=5',
  });
}
