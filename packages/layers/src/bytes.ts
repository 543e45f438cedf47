/**
 * A name as the kernel sees it, one UTF-16 unit for each byte (what `latin1` decoding gives). Strings of this form split,
 * compare and serve as map keys without garbage, and no byte is lost, which UTF-8 decoding cannot promise.
 */
export type ByteString = string;

/** V8 makes a part of a string that is shorter than this a string of its own, and a longer one a view of the whole. */
const ownLength = 13;

/** The same name in memory of its own: a part of a path, kept, keeps the whole path. */
export function copyName(name: ByteString): ByteString {
  return name.length < ownLength ? name : Buffer.from(name, 'latin1').toString('latin1');
}

const notAscii = /[\u0080-\uffff]/;

/** The form that node:fs takes. ASCII is the same bytes in UTF-8, so the common name needs no buffer. */
export function toPath(bytes: ByteString): string | Buffer {
  return notAscii.test(bytes) ? Buffer.from(bytes, 'latin1') : bytes;
}

/** The bytes of text that stands for a name. */
export function fromText(text: string): ByteString {
  return notAscii.test(text) ? Buffer.from(text).toString('latin1') : text;
}

const quotedLimit = 256;

/** For messages: UTF-8 where it is, `\xNN` where it is not, control characters escaped, cut in the middle when long. */
export function quote(bytes: ByteString): string {
  const cut =
    bytes.length <= quotedLimit ? bytes : `${bytes.slice(0, quotedLimit / 2)}...${bytes.slice(bytes.length - quotedLimit / 4)}`;
  const text = Buffer.from(cut, 'latin1').toString();
  const readable = text.includes('\ufffd') ? cut.replace(/[\x80-\xff]/g, hex) : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal escapes in names must not reach a terminal
  return `"${readable.replace(/["\\]/g, '\\$&').replace(/[\x00-\x1f\x7f-\x9f]/g, hex)}"`;
}

function hex(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
