import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { SlipwayError } from '@slipway/plugin-api';
import { readTrustedFile } from './trusted-file.js';

/** What a kind of key signs with: cosign hashes with sha256 whatever the key, newer ones with the hash of the curve's strength. */
interface Scheme {
  readonly hashes: readonly (string | null)[];
}

export interface PublicKey extends Scheme {
  /** Where it was read. */
  readonly file: string;
  readonly key: KeyObject;
}

const maxKeyBytes = 16 * 1024;
const onePublicKey = /^-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$/;

/** Reads a public key in PEM form. Errors: `failed-precondition` (`RULES_KEY_INVALID`, `RULES_KEY_UNTRUSTED`), and those of the system. */
export async function readPublicKey(file: string): Promise<PublicKey> {
  const pem = (await readTrustedFile('key', file, maxKeyBytes)).toString('latin1').trim();
  if (!onePublicKey.test(pem)) throw invalid(file, 'is not one public key in PEM form ("-----BEGIN PUBLIC KEY-----")');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw invalid(file, 'cannot be decoded', error);
  }
  const scheme = schemeOf(key);
  if (scheme === undefined) throw invalid(file, `is of a kind that is not taken: ${kindOf(key)}`);
  return { file, key, ...scheme };
}

/** Whether the key has made this signature of these bytes: ECDSA in DER, RSA with PKCS #1 v1.5, Ed25519. */
export function hasSigned({ key, hashes }: PublicKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  return hashes.some((hash) => verify(hash, bytes, key, signature));
}

function schemeOf({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): Scheme | undefined {
  const { namedCurve, modulusLength = 0 } = asymmetricKeyDetails;
  if (asymmetricKeyType === 'ed25519') return { hashes: [null] };
  if (asymmetricKeyType === 'rsa' && modulusLength >= 2048) return { hashes: ['sha256'] };
  if (asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return { hashes: ['sha256'] };
  if (asymmetricKeyType === 'ec' && namedCurve === 'secp384r1') return { hashes: ['sha256', 'sha384'] };
  return undefined;
}

function kindOf({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): string {
  const { namedCurve, modulusLength } = asymmetricKeyDetails;
  const details = namedCurve ?? (modulusLength === undefined ? '' : `${modulusLength} bits`);
  return [asymmetricKeyType, details].filter(Boolean).join(', ');
}

function invalid(file: string, why: string, cause?: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'RULES_KEY_INVALID',
    message: `key "${file}" ${why}`,
    hint: 'give a PEM file of an ECDSA P-256 or P-384, RSA (2048 bits or more) or Ed25519 public key, such as cosign.pub',
    cause,
  });
}
