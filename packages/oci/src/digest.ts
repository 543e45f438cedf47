import { type Digest, SlipwayError } from '@slipway/plugin-api';
import { quote } from './quote.js';

export type DigestAlgorithm = 'sha256' | 'sha512';

export interface ParsedDigest {
  readonly algorithm: DigestAlgorithm;
  /** Lower-case hexadecimal: 64 digits of sha256, 128 of sha512. */
  readonly encoded: string;
}

const hexLength: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };
const lowerHex = /^[0-9a-f]+$/;

/**
 * Takes a digest apart, in its one strict form: a registered algorithm that is collision resistant, a colon, and exactly
 * as many lower-case hexadecimal digits as it has (OCI image-spec, descriptor.md, "Registered algorithms"). What passes
 * is safe as part of a path.
 *
 * Errors: `invalid-argument` with code `DIGEST_INVALID`.
 */
export function parseDigest(text: string): ParsedDigest {
  const colon = text.indexOf(':');
  if (colon < 0) throw invalid(text, 'has no colon');
  const algorithm = text.slice(0, colon);
  const encoded = text.slice(colon + 1);
  if (algorithm !== 'sha256' && algorithm !== 'sha512') throw invalid(text, 'has another algorithm than sha256 or sha512');
  if (encoded.length !== hexLength[algorithm])
    throw invalid(text, `has ${encoded.length} characters after the colon, expected ${hexLength[algorithm]}`);
  if (!lowerHex.test(encoded)) throw invalid(text, 'has characters other than lower-case hexadecimal digits');
  return { algorithm, encoded };
}

/** True when {@link parseDigest} would take it. */
export function isDigest(value: unknown): value is Digest {
  if (typeof value !== 'string') return false;
  const [algorithm, encoded, ...rest] = value.split(':', 3);
  if ((algorithm !== 'sha256' && algorithm !== 'sha512') || encoded === undefined || rest.length > 0) return false;
  return encoded.length === hexLength[algorithm] && lowerHex.test(encoded);
}

/** The digest of these bytes; a string is taken as UTF-8. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = 'sha256'): Digest {
  // Loaded on first use: node:crypto costs 10 ms, and most commands only need the form of digests.
  const { hash } = process.getBuiltinModule('node:crypto');
  return `${algorithm}:${hash(algorithm, bytes, 'hex')}`;
}

function invalid(text: string, why: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'DIGEST_INVALID',
    message: `digest ${quote(text)} ${why}`,
    hint: 'a digest looks like sha256:<64 lower-case hexadecimal digits>',
  });
}
