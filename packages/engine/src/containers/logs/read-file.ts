import type { LogEntry } from '@slipway/plugin-api';
import type { LogFile } from './log-files.js';
import type { LogFilter } from './log-filter.js';
import { entryOf, nextNewline, parseHeader } from './log-line.js';

const blockBytes = 256 * 1024;
/** Of header and text a monitor writes 17 KiB at most: what is longer is no line, and is passed over. */
const longestLine = 64 * 1024;

/** A place in a log file from which on lines are read. It always is where a line begins, or inside one that is passed over. */
export interface LogPosition {
  offset: number;
  /** What comes up to the next newline is the rest of no line. */
  isInside: boolean;
}

/**
 * Lines from the position on, in batches, until the file ends (or `end` is reached) now. What there is of a line without its newline stays to be read again: it may
 * be on its way, or be taken back by a monitor whose disk is full.
 */
export async function* readLines(
  { handle }: LogFile,
  position: LogPosition,
  filter: LogFilter,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<LogEntry[]> {
  for (;;) {
    const length = Math.min(blockBytes, end - position.offset);
    if (length <= 0) return;
    const block = Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await handle.read(block, 0, length, position.offset);
    if (bytesRead === 0) return;
    // Whoever keeps a line of a few that came just now keeps no more than those.
    const bytes = bytesRead < blockBytes / 8 ? Buffer.from(block.subarray(0, bytesRead)) : block.subarray(0, bytesRead);
    const entries: LogEntry[] = [];
    const used = takeLines(bytes, position, filter, entries);
    position.offset += used;
    if (entries.length > 0) yield entries;
    if (used > 0) continue;
    if (bytesRead <= longestLine) return;
    position.offset += bytesRead;
    position.isInside = true;
  }
}

/** How many bytes were used. */
function takeLines(bytes: Buffer, position: LogPosition, filter: LogFilter, entries: LogEntry[]): number {
  let start = 0;
  for (let end = nextNewline(bytes, 0); end >= 0; end = nextNewline(bytes, start)) {
    const header = position.isInside ? undefined : parseHeader(bytes, start, end);
    if (header !== undefined && filter(bytes, start, header)) entries.push(entryOf(bytes, start, end, header));
    position.isInside = false;
    start = end + 1;
  }
  return start;
}
