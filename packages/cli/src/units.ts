const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Decimal units as docker and registries have them: `0 B`, `999 B`, `7.8 MB`, `1.2 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.95 would be rounded to 1000.0.
  while (unit < units.length - 1 && value >= (unit === 0 ? 1000 : 999.95)) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Binary units, in which memory is had and limited: `64 MiB`, `1.5 GiB`. */
export function formatMemory(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.95 would be rounded to 1024.0.
  while (unit < binaryUnits.length - 1 && value >= (unit === 0 ? 1024 : 1023.95)) {
    value /= 1024;
    unit++;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${binaryUnits[unit]}`;
}

/** `4 s`, `2 min 5 s`, `1 h 10 min`: how long something takes. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const spans = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const;

/** `3 hours ago`; `just now` below a minute, and for a clock that was set back. `unknown` for what is no time. */
export function formatAge(time: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(time)) / 1000;
  if (Number.isNaN(seconds)) return 'unknown';
  for (const [name, length] of spans) {
    const count = Math.floor(seconds / length);
    if (count >= 1) return `${count} ${name}${count === 1 ? '' : 's'} ago`;
  }
  return 'just now';
}

/** From how many seconds on which words are used. */
const wordedSpans = [
  [2 * 31_536_000, 31_536_000, 'years'],
  [2 * 2_592_000, 2_592_000, 'months'],
  [2 * 604_800, 604_800, 'weeks'],
  [2 * 86_400, 86_400, 'days'],
  [2 * 3600, 3600, 'hours'],
  [3600, undefined, 'About an hour'],
  [120, 60, 'minutes'],
  [60, undefined, 'About a minute'],
  [2, 1, 'seconds'],
  [1, undefined, '1 second'],
] as const;

/** A length of time in docker's words: `3 minutes`, `About an hour`, `Less than a second`. */
export function formatSpan(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  for (const [from, unit, words] of wordedSpans)
    if (seconds >= from) return unit === undefined ? words : `${Math.floor(seconds / unit)} ${words}`;
  return 'Less than a second';
}
