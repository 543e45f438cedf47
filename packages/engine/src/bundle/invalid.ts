import { SlipwayError } from '@slipway/plugin-api';

/** What a name, number or path of the user or of an image must satisfy, and does not. */
export function invalid(
  code: string,
  message: string,
  more: { readonly hint?: string; readonly details?: Readonly<Record<string, unknown>>; readonly cause?: unknown } = {},
): SlipwayError {
  return new SlipwayError({ kind: 'invalid-argument', code, message, ...more });
}

/** Quotes text that others wrote: control characters and terminal escapes become visible, long text is cut. */
export function quote(text: string): string {
  const short = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** MAX_ARG_STRLEN of the kernel with 4 KiB pages: one argument or variable with its final NUL. */
const maxStringBytes = 131_072;

/** Refuses what execve(2) cannot carry. The text is not printed: variables and arguments may hold secrets. */
export function checkExecString(what: string, text: string): void {
  if (text.includes('\0'))
    throw invalid('NUL_IN_TEXT', `${what} contains a NUL character`, { hint: 'no program can be given one' });
  const bytes = Buffer.byteLength(text);
  if (bytes >= maxStringBytes) {
    throw invalid('TEXT_TOO_LONG', `${what} has ${bytes} bytes, at most ${maxStringBytes - 1} are possible`, {
      hint: 'pass it in a file, or on stdin',
    });
  }
}
