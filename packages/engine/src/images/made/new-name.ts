import { formatReference, parseReference } from '@slipway/oci';
import { SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../../settings.js';
import { fullName, referenceOf } from '../image-names.js';

/** The full name for an image that is yet to be made: a reference, with a tag. Errors: `invalid-argument`. */
export function newName(parts: EngineParts, text: string): string {
  const reference = referenceOf(parts, fullName(parts, text));
  if (reference === undefined) throw unfit(text, 'is a place, not the name of an image here', 'give a name as in app:1.0');
  if (reference.digest !== undefined)
    throw unfit(text, 'has a digest, which only content that is there can have', 'leave the digest out');
  return formatReference(parseReference(text));
}

function unfit(text: string, why: string, hint: string): SlipwayError {
  return new SlipwayError({
    kind: 'invalid-argument',
    code: 'NEW_NAME_UNFIT',
    message: `name ${JSON.stringify(text)} ${why}`,
    hint,
  });
}
