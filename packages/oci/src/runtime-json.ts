/** RLIM_INFINITY, 2^64 - 1, as near as a JavaScript number comes to it, and as JSON.parse reads it: no limit. */
export const noRlimit = 2 ** 64;

const exact = '18446744073709551615';

// Of the language since 2025, and not yet of the compiler's library.
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

/**
 * The text of a config.json, or of a part of one, for a runtime. As JSON.stringify, but for {@link noRlimit}, which that would round to a number that no
 * runtime can read.
 */
export function runtimeJson(document: unknown): string {
  return JSON.stringify(document, (_, value: unknown) => (value === noRlimit ? rawJSON(exact) : value));
}
