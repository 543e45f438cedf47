import { printable } from './printable.js';

/** Rows under headings in columns as wide as their widest cell, three spaces apart, without spaces at the ends of lines. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows.map((row) => row.map(printable))];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => width(line[column] ?? ''))));
  return lines
    .map((line) => line.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell) + 3)).join(''))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** In characters: enough for names, digests and sizes, which are ASCII or close to it. */
function width(text: string): number {
  return [...text].length;
}
