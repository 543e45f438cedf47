// Controls, line separators, direction overrides, invisible marks: what could move a cursor, hide text or break a line.
const unsafe = /[\p{Cc}\p{Cs}\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const unsafeInBlock = new RegExp(`(?!\\n)${unsafe.source}`, 'gu');

/** One line of text of unknown origin, harmless on a terminal. */
export function printable(text: string): string {
  return text.replace(unsafe, escaped);
}

/** The same for several lines. */
export function printableBlock(text: string): string {
  return text.replace(unsafeInBlock, escaped);
}

/** JSON that is harmless on a terminal and still says the same: everything unsafe inside its strings is `\uXXXX`. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(unsafeInBlock, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
