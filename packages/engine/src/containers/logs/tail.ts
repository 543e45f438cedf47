import type { LogFile } from './log-files.js';
import type { LogFilter } from './log-filter.js';
import { lastNewline, parseHeader } from './log-line.js';

const blockBytes = 64 * 1024;
const longestLine = 64 * 1024;

/** Where the last lines of a log begin. */
export interface TailStart {
  /** Index in the list of files. */
  readonly file: number;
  readonly offset: number;
}

/**
 * Counts wanted lines from the end, reading backward, over all files (oldest first). The pieces of a long line are one line, and so is one at the end
 * that has no newline yet. After the last line where none is wanted. Where pieces of two streams mix, the first line may lack pieces from before the place.
 */
export async function findTail(files: readonly LogFile[], lines: number, filter: LogFilter): Promise<TailStart> {
  const counter = new LineCounter(lines);
  let first: TailStart | undefined;
  for (const [index, file] of [...files.entries()].reverse())
    for await (const { bytes, start, end, offset } of linesBackward(file)) {
      first ??= { file: index, offset: offset + end + 1 - start };
      const header = parseHeader(bytes, start, end);
      if (header === undefined || !filter(bytes, start, header)) continue;
      if (!counter.takes(header.stream, header.isWhole)) return first;
      first = { file: index, offset };
    }
  return first ?? { file: 0, offset: 0 };
}

/** Told of lines and pieces from the last to the first. */
class LineCounter {
  #left: number;
  readonly #begun = new Set<string>();

  constructor(lines: number) {
    this.#left = lines;
  }

  takes(stream: string, isWhole: boolean): boolean {
    // A piece belongs to what follows it in its stream.
    if (!isWhole && this.#begun.has(stream)) return true;
    if (this.#left === 0) return false;
    this.#left--;
    this.#begun.add(stream);
    return true;
  }
}

interface BackwardLine {
  readonly bytes: Buffer;
  readonly start: number;
  /** Of its newline. */
  readonly end: number;
  /** Of its beginning in the file. */
  readonly offset: number;
}

/** The lines that end with a newline, last first. What is too long to be one is passed over. */
async function* linesBackward(file: LogFile): AsyncGenerator<BackwardLine> {
  /** From where reading is on, to the newline of the line whose beginning is not read yet; empty where there is none, or it is passed over. */
  let rest: Buffer = Buffer.alloc(0);
  for (let from = file.size; from > 0; ) {
    const length = Math.min(blockBytes, from);
    from -= length;
    const block = await readBlock(file, from, length);
    if (block === undefined) return;
    const bytes = rest.length === 0 ? block : Buffer.concat([block, rest]);
    let newline = rest.length === 0 ? lastNewline(block, block.length) : bytes.length - 1;
    if (newline < 0) continue;
    for (let before = lastNewline(bytes, newline); before >= 0; before = lastNewline(bytes, newline)) {
      yield { bytes, start: before + 1, end: newline, offset: from + before + 1 };
      newline = before;
    }
    if (from === 0) yield { bytes, start: 0, end: newline, offset: 0 };
    rest = newline < longestLine ? bytes.subarray(0, newline + 1) : Buffer.alloc(0);
  }
}

/** Undefined when the file has become shorter. */
async function readBlock({ handle }: LogFile, offset: number, length: number): Promise<Buffer | undefined> {
  const block = Buffer.allocUnsafeSlow(length);
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await handle.read(block, filled, length - filled, offset + filled);
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  return block;
}
