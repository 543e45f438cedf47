import type { ContainerSettings } from '@slipway/plugin-api';
import { invalid, quote } from './invalid.js';

/** Ours: what begins with it is never a user's, or an image's. */
const reserved = 'slipway.';
/** Of a key and its value together, as containerd bounds labels. */
const maxBytes = 4096;
const maxEntries = 1024;

/**
 * The annotations of config.json: the user's, and the container's name for hooks. Nothing of an image, since runtimes take some of them for
 * instructions. Errors: `ANNOTATION_INVALID`.
 */
export function annotationsOf(
  { annotations = {} }: Pick<ContainerSettings, 'annotations'>,
  name: string,
): Readonly<Record<string, string>> {
  checkEntries('Annotation', 'ANNOTATION_INVALID', annotations);
  return { ...annotations, [`${reserved}name`]: name };
}

/** Labels are for people and programs that list containers; they are no part of config.json. Errors: `LABEL_INVALID`. */
export function checkLabels({ labels = {} }: Pick<ContainerSettings, 'labels'>): void {
  checkEntries('Label', 'LABEL_INVALID', labels);
}

function checkEntries(what: string, code: string, entries: Readonly<Record<string, string>>): void {
  const pairs = Object.entries(entries);
  if (pairs.length > maxEntries)
    throw invalid(code, `There are ${pairs.length} of ${what.toLowerCase()}s, at most ${maxEntries} are possible`);
  for (const [key, value] of pairs) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
    if (key === '' || /[\s\u0000-\u001f\u007f]/.test(key))
      throw invalid(code, `${what} ${quote(key)} has no name, or white space or control characters in it`, {
        hint: 'as in: com.example.purpose=test',
      });
    if (key.startsWith(reserved)) throw invalid(code, `${what} ${quote(key)} begins with "${reserved}", which is reserved`);
    if (typeof value !== 'string' || value.includes('\0')) throw invalid(code, `${what} ${quote(key)} has no text as its value`);
    const bytes = Buffer.byteLength(key) + Buffer.byteLength(value);
    if (bytes > maxBytes) throw invalid(code, `${what} ${quote(key)} has ${bytes} bytes, at most ${maxBytes} are possible`);
  }
}
