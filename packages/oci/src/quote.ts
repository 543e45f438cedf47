// Controls (C0, DEL, C1), line separators, direction overrides and lone surrogates: what could move a cursor, hide text or break a line.
const unsafe = /[\p{Cc}\p{Cs}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * Makes text of unknown origin fit for an error message or a terminal: control characters, direction overrides and lone
 * surrogates become `\u{..}`, and more than `limit` characters are cut with an ellipsis.
 */
export function neutralize(text: string, limit = 160): string {
  const cut = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return cut.replace(unsafe, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** {@link neutralize} in double quotes. */
export function quote(text: string, limit?: number): string {
  return `"${neutralize(text, limit)}"`;
}
