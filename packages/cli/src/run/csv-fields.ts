import { type FlagText, refused } from './mount-words.js';

/**
 * One record of CSV (RFC 4180) as Docker reads it: a field that begins with a quote ends with one, and has quotes doubled inside; nowhere else may a
 * quote be. Line breaks part records and are only for quoted fields.
 */
export function csvFields(from: FlagText): readonly string[] {
  const { text } = from;
  const fields: string[] = [];
  for (let at = 0; at <= text.length; ) {
    const { field, end } = text[at] === '"' ? quotedField(from, at) : plainField(from, at);
    if (field === '') throw refused(from, 'has an empty field');
    fields.push(field);
    at = end + 1;
  }
  return fields;
}

interface Field {
  readonly field: string;
  /** Of the comma after it, or of the text. */
  readonly end: number;
}

function plainField(from: FlagText, start: number): Field {
  const comma = from.text.indexOf(',', start);
  const end = comma === -1 ? from.text.length : comma;
  const field = from.text.slice(start, end);
  if (field.includes('"')) {
    throw refused(from, 'has a quote within a field', 'quote the field as a whole, and double the quotes in it: "source=/a""b"');
  }
  if (/[\r\n]/.test(field)) throw refused(from, 'has a line break outside of quotes');
  return { field, end };
}

function quotedField(from: FlagText, start: number): Field {
  const { text } = from;
  const match = /"((?:[^"]|"")*)"/y;
  match.lastIndex = start;
  const found = match.exec(text);
  if (found === null) throw refused(from, 'has a quote that is not closed');
  const end = match.lastIndex;
  if (end < text.length && text[end] !== ',') throw refused(from, 'has something between a closing quote and the next comma');
  return { field: (found[1] ?? '').replaceAll('""', '"'), end };
}
