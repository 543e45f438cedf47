import { neutralize } from '@slipway/oci';
import { type Descriptor, isSlipwayError, SlipwayError } from '@slipway/plugin-api';
import type { RegistryRequest, RegistrySession } from './registry-session.js';
import type { HttpResponse } from './transport.js';

/** The image's maker names the places, and may name as many as fit into a manifest. */
const maxUrls = 8;

/**
 * What to ask for a layer that its registry does not have, one place after the other (image-spec, "descriptor", `urls`). Nobody there gets
 * credentials, and a challenge is no reason to look for any. Why a place is not asked is added to `refusals`.
 */
export function* askForeign(
  session: RegistrySession,
  request: RegistryRequest,
  missing: HttpResponse,
  descriptor: Descriptor,
  refusals: string[],
): Generator<RegistryRequest> {
  // The registry itself comes before strangers, and it has not been asked yet.
  if (session.isMirror) return;
  for (const text of (descriptor.urls ?? []).slice(0, maxUrls)) {
    try {
      yield { ...request, path: session.locationOf(missing, text), anonymous: true };
    } catch (error) {
      if (!isSlipwayError(error)) throw error;
      refusals.push(error.message);
    }
  }
}

/** The registry has it not, nor has anybody that the image names. */
export function blobNotFound(error: SlipwayError, descriptor: Descriptor, refusals: readonly string[]): SlipwayError {
  const isForeign = (descriptor.urls ?? []).length > 0;
  return new SlipwayError({
    kind: 'not-found',
    code: 'REGISTRY_BLOB_NOT_FOUND',
    message: `${error.message}${refusals.length === 0 ? '' : `; of its URLs ${neutralize(refusals.join(', '), 600)}`}`,
    hint: isForeign
      ? 'it is a foreign layer, which neither its registry nor its URLs give; ask the maker of the image'
      : 'the registry has lost a part of the image; its maker must push it again',
    cause: error,
  });
}
