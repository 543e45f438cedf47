import { parseDuration } from './duration.js';
import { usageError } from './usage-error.js';

const date = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * A point in time as docker takes it: RFC 3339, without a zone in that of this machine, a date alone its beginning; seconds since 1970; or a length of time before now, `10m`.
 * Errors: wrong use, which names the option.
 */
export function parseMoment(command: string, option: string, text: string, nowMs = Date.now()): Date {
  const ms = milliseconds(text, nowMs);
  if (ms !== undefined && !Number.isNaN(new Date(ms).getTime())) return new Date(ms);
  throw usageError(
    command,
    `${option} ${JSON.stringify(text)} is no time`,
    'as 2026-11-22T08:00:00Z, 2026-11-22, 1795334400 (seconds since 1970) or 10m (before now)',
  );
}

function milliseconds(text: string, nowMs: number): number | undefined {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  // A date alone is midnight of this machine's zone; Date would take it for UTC.
  if (date.test(text)) return Date.parse(text.includes('T') ? text : `${text}T00:00`);
  const before = parseDuration(text);
  return before === undefined ? undefined : nowMs - before;
}
