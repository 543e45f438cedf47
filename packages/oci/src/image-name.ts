import path from 'node:path';
import { type Digest, SlipwayError } from '@slipway/plugin-api';
import { parseDigest } from './digest.js';
import { quote } from './quote.js';
import { formatReference, parseReference, type Reference } from './reference.js';

/** What follows the scheme in `oci:DIR:REF`: a place in the file system, and which image in it. */
export interface PathName {
  /** Absolute and normalised. */
  readonly path: string;
  /** By which name the place knows the image; absent where it is to have but one. */
  readonly reference?: string;
  readonly digest?: Digest;
}

const schemePattern = /^([a-z][a-z0-9+.-]*):/;
/** Bytes of UTF-8 in a recorded name, which is a key of metadata. */
export const maxNameBytes = 1000;
const unfit = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

/** What may be a scheme stands before the first colon. Whether it is one, resolvers say. */
export function schemeOf(name: string): string | undefined {
  return schemePattern.exec(name)?.[1];
}

/**
 * Takes apart `PATH[:REFERENCE][@DIGEST]`. A path has no colon, as in skopeo's names; a relative one is below `directory`.
 *
 * Errors: `invalid-argument` with code `IMAGE_NAME_INVALID` (says why) or `DIGEST_INVALID`.
 */
export function parsePathName(text: string, directory = process.cwd()): PathName {
  if (unfit.test(text)) throw invalid(text, 'has control characters');
  const at = /@(?=[a-z0-9]+:[^/@]*$)/.exec(text)?.index;
  const named = at === undefined ? text : text.slice(0, at);
  const digest = at === undefined ? undefined : text.slice(at + 1);
  if (digest !== undefined) parseDigest(digest);
  const colon = named.indexOf(':');
  const given = colon < 0 ? named : named.slice(0, colon);
  const reference = colon < 0 ? undefined : named.slice(colon + 1);
  if (given === '') throw invalid(text, 'has no path');
  if (reference === '') throw invalid(text, 'has an empty reference after ":"');
  const absolute = path.resolve(directory, given);
  if (absolute.includes(':')) throw invalid(text, `leads to ${quote(absolute)}, and a path in an image name can have no ":"`);
  const name = {
    path: absolute,
    ...(reference === undefined ? {} : { reference }),
    ...(digest === undefined ? {} : { digest }),
  };
  const bytes = Buffer.byteLength(formatPathName(name));
  if (bytes > maxNameBytes) throw invalid(text, `has ${bytes} bytes in full, at most ${maxNameBytes} are allowed`);
  return name;
}

/** {@link parsePathName} gives the same back. */
export function formatPathName({ path: place, reference, digest }: PathName): string {
  return `${place}${reference === undefined ? '' : `:${reference}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** The reference that a recorded name is; undefined for one of another form, which is its resolver's. */
export function recordedReference(name: string): Reference | undefined {
  try {
    const reference = parseReference(name);
    return formatReference(reference) === name ? reference : undefined;
  } catch {
    return undefined;
  }
}

function invalid(text: string, why: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'IMAGE_NAME_INVALID',
    message: `image name ${quote(text)} ${why}`,
    hint: 'such a name looks like oci:DIRECTORY:TAG, oci-archive:FILE:TAG or docker-archive:FILE:NAME',
  });
}
