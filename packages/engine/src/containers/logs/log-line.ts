import type { LogEntry } from '@slipway/plugin-api';

const [newline, space, letterF, letterP, dash, letterZ] = [0x0a, 0x20, 0x46, 0x50, 0x2d, 0x5a];

/** `TIME stdout|stderr F|P TEXT`: where the parts of a line are. The file comes from the monitor, the text from the container. */
export interface LogHeader {
  /** Where the text begins. */
  readonly text: number;
  /** Where the time ends. */
  readonly timeEnd: number;
  readonly stream: 'stdout' | 'stderr';
  readonly isWhole: boolean;
}

/** Of `2026-11-22T08:00:00Z` and of nine digits after the point. */
const [shortestTime, longestTime] = [20, 30];
const wordLength = 'stdout'.length;
const [stdoutWord, stderrWord] = [Buffer.from('stdout'), Buffer.from('stderr')];

/**
 * The header of the line from `start` to its newline at `end`. Undefined for what is no line of a log: what a machine that stopped left of one, or
 * made zeros of.
 */
export function parseHeader(bytes: Buffer, start: number, end: number): LogHeader | undefined {
  const timeEnd = bytes.indexOf(space, start + shortestTime);
  if (timeEnd < 0 || timeEnd > start + longestTime || bytes[timeEnd - 1] !== letterZ || bytes[start + 4] !== dash)
    return undefined;
  const word = timeEnd + 1;
  const tag = word + wordLength + 1;
  const text = tag + 2;
  if (text > end || bytes[tag - 1] !== space || bytes[tag + 1] !== space) return undefined;
  const letter = bytes[tag];
  if (letter !== letterF && letter !== letterP) return undefined;
  const stream = streamAt(bytes, word);
  return stream === undefined ? undefined : { text, timeEnd, stream, isWhole: letter === letterF };
}

/** Byte by byte: to make a string of it for each line is a tenth of all the time that reading a log takes. */
function streamAt(bytes: Buffer, at: number): 'stdout' | 'stderr' | undefined {
  const stream = bytes[at + 3] === stdoutWord[3] ? 'stdout' : 'stderr';
  const word = stream === 'stdout' ? stdoutWord : stderrWord;
  for (let index = 0; index < wordLength; index++) if (bytes[at + index] !== word[index]) return undefined;
  return stream;
}

/** The bytes are those of the buffer, not copied. */
export function entryOf(bytes: Buffer, start: number, end: number, { text, timeEnd, stream, isWhole }: LogHeader): LogEntry {
  // One conversion and two parts of it cost half of two conversions; what is before the text is ASCII.
  const whole = bytes.toString('utf8', start, end);
  return {
    time: whole.slice(0, timeEnd - start),
    stream,
    // A whole line and its newline stand together in the file as well.
    bytes: bytes.subarray(text, isWhole ? end + 1 : end),
    line: whole.slice(text - start),
  };
}

export function nextNewline(bytes: Buffer, from: number): number {
  return bytes.indexOf(newline, from);
}

export function lastNewline(bytes: Buffer, before: number): number {
  return before <= 0 ? -1 : bytes.lastIndexOf(newline, before - 1);
}
