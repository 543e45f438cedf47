import { usageError } from './usage-error.js';

/** Undefined where nothing was given. Errors: wrong use, for what is no whole number of at least 0. */
export function wholeNumber(command: string, option: string, text: string): number;
export function wholeNumber(command: string, option: string, text: string | undefined): number | undefined;
export function wholeNumber(command: string, option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw usageError(command, `${option} ${JSON.stringify(text)} is no whole number`);
}

/** Milliseconds of a number of seconds, -1 for never. Errors: wrong use. */
export function graceMs(command: string, option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text === '-1') return -1;
  if (/^\d{1,9}(?:\.\d{1,3})?$/.test(text)) return Math.round(Number(text) * 1000);
  throw usageError(command, `${option} ${JSON.stringify(text)} is no number of seconds`, '-1 waits without end');
}
