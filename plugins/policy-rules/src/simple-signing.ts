import { formatReference, parseReference, quote, type Reference, recordedReference } from '@slipway/oci';
import * as v from 'valibot';
import type { ImageSignature, SignatureDemand } from './image-signature.js';
import { fitsName } from './name-pattern.js';
import { hasSigned } from './public-key.js';
import { readSigned } from './read-signed.js';

/** The "simple signing" payload as cosign fills it (its SIGNATURE_SPEC.md, "Payloads"). */
const payloadSchema = v.object({
  critical: v.object({
    type: v.literal('cosign container image signature'),
    image: v.object({ 'docker-manifest-digest': v.string() }),
    identity: v.object({ 'docker-reference': v.string() }),
  }),
});

export function simpleSigningFault(
  { payload, signature }: Extract<ImageSignature, { format: 'simple-signing' }>,
  demand: SignatureDemand,
): string | undefined {
  if (!demand.keys.some((key) => hasSigned(key, payload, signature))) return 'is by none of the keys';
  const said = readSigned(payloadSchema, payload);
  if (said === undefined) return 'signs something else than an image';
  const { image, identity } = said.critical;
  const digest = image['docker-manifest-digest'];
  if (digest !== demand.digest) return `is for the digest ${quote(digest)}`;
  const name = identity['docker-reference'];
  return isFor(name, demand) ? undefined : `is for the name ${quote(name)}, expected ${quote(demand.identity ?? demand.name)}`;
}

/** The signed name is the image's: the same repository, and the same tag where both have one; or it fits what the rule asks for. */
function isFor(text: string, { name, identity }: SignatureDemand): boolean {
  const signed = signedReference(text);
  if (signed === undefined) return false;
  if (identity !== undefined) return fitsName(identity, formatReference(signed));
  const own = recordedReference(name);
  if (own?.registry !== signed.registry || own.repository !== signed.repository) return false;
  return own.tag === undefined || signed.tag === undefined || own.tag === signed.tag;
}

/** Without the tag that a reference gets by default: cosign signs for the repository, unless it is told otherwise. */
function signedReference(text: string): Reference | undefined {
  try {
    const { registry, repository, tag } = parseReference(text);
    const hasTag = /:[^/]*$/.test(text.split('@', 1)[0] ?? '');
    return hasTag && tag !== undefined ? { registry, repository, tag } : { registry, repository };
  } catch {
    return undefined;
  }
}
