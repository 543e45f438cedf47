import { type Bundle, bundleFromJSON } from '@sigstore/bundle';
import { parseDigest, quote } from '@slipway/oci';
import * as v from 'valibot';
import type { SignatureDemand } from './image-signature.js';
import { hasSigned } from './public-key.js';
import { readSigned } from './read-signed.js';

const statementType = 'application/vnd.in-toto+json';
/** What a statement of cosign says that signs an image, and does not attest something of it, be it good or bad. */
const signPredicate = 'https://sigstore.dev/cosign/sign/v1';

const statementSchema = v.object({
  _type: v.picklist(['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1']),
  predicateType: v.string(),
  subject: v.pipe(v.array(v.object({ digest: v.record(v.string(), v.string()) })), v.maxLength(1000)),
});

/**
 * Why a sigstore bundle does not count: it must hold a DSSE envelope, signed with a key, over an in-toto statement that is about
 * the digest. Transparency logs and timestamps are for signatures without keys of one's own, and are not looked at.
 */
export function bundleFault(bytes: Buffer, { keys, digest, identity }: SignatureDemand): string | undefined {
  const bundle = decode(bytes);
  if (bundle === undefined) return 'is no bundle that can be read';
  if (bundle.verificationMaterial.content.$case !== 'publicKey') return 'is made with a certificate, not with a key';
  if (bundle.content.$case !== 'dsseEnvelope') return 'signs bytes, not an image';
  const { payload, payloadType, signatures } = bundle.content.dsseEnvelope;
  const signed = preAuthEncoding(payloadType, payload);
  if (!signatures.some(({ sig }) => keys.some((key) => hasSigned(key, signed, sig)))) return 'is by none of the keys';

  const statement = payloadType === statementType ? readSigned(statementSchema, payload) : undefined;
  if (statement === undefined) return 'signs something else than an image';
  if (statement.predicateType !== signPredicate) return `attests ${quote(statement.predicateType)}, and signs no image`;
  const { algorithm, encoded } = parseDigest(digest);
  if (!statement.subject.some((subject) => subject.digest[algorithm] === encoded)) return 'is for another digest';
  return identity === undefined ? undefined : `names no repository, as bundles do not, expected ${quote(identity)}`;
}

function decode(bytes: Buffer): Bundle | undefined {
  try {
    return bundleFromJSON(JSON.parse(bytes.toString('utf8')));
  } catch {
    return undefined;
  }
}

/** What is signed of a DSSE envelope (its protocol.md). */
function preAuthEncoding(type: string, payload: Buffer): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}
