import type { LogsOptions } from '@slipway/plugin-api';
import type { LogHeader } from './log-line.js';

/** Which lines are wanted. */
export type LogFilter = (bytes: Buffer, start: number, header: LogHeader) => boolean;

export function logFilter({ stdout = true, stderr = true, since, until }: LogsOptions): LogFilter {
  const [from, before] = [since && timeText(since), until && timeText(until)];
  return (bytes, start, { timeEnd, stream }) => {
    if (!(stream === 'stdout' ? stdout : stderr)) return false;
    if (from === undefined && before === undefined) return true;
    const time = withNanoseconds(bytes.toString('latin1', start, timeEnd));
    return (from === undefined || time >= from) && (before === undefined || time < before);
  };
}

/** Texts of one length compare as the times do. */
function timeText(date: Date): string {
  return withNanoseconds(date.toISOString());
}

function withNanoseconds(time: string): string {
  return time.length === 30 ? time : `${time.slice(0, 19)}.${time.slice(20, -1).padEnd(9, '0')}Z`;
}
