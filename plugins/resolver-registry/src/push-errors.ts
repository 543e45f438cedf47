import { isDigest, parseDigest, quote } from '@slipway/oci';
import { type Descriptor, type Digest, SlipwayError, type SlipwayErrorOptions } from '@slipway/plugin-api';
import type { RegistrySession } from './registry-session.js';
import type { HttpResponse } from './transport.js';

type Refusal = Pick<SlipwayErrorOptions, 'kind' | 'code'> & { readonly hint: string };

/** The error of a push that was refused: what the registry says, and what can be done about it. */
export async function pushFailure(
  session: RegistrySession,
  repository: string,
  what: string,
  response: HttpResponse,
  signal: AbortSignal | undefined,
): Promise<SlipwayError> {
  const error = await session.failure(what, response, signal);
  const codes = (error.details['registryCodes'] ?? []) as readonly string[];
  const refusal = refusalOf(response.status, codes, `${session.registry}/${repository}`, session.registry);
  if (refusal === undefined) return error;
  return new SlipwayError({ ...refusal, message: error.message, cause: error, details: error.details });
}

function refusalOf(status: number, codes: readonly string[], place: string, registry: string): Refusal | undefined {
  const says = (...any: readonly string[]): boolean => codes.some((code) => any.includes(code));
  if (status === 401 || status === 403 || says('DENIED', 'UNAUTHORIZED'))
    return {
      kind: 'permission-denied',
      code: 'REGISTRY_PUSH_DENIED',
      hint: `slipway login ${registry} with an account that may push to ${quote(place)}`,
    };
  if (status === 413 || says('SIZE_INVALID'))
    return {
      kind: 'resource-exhausted',
      code: 'REGISTRY_UPLOAD_TOO_LARGE',
      hint: 'the registry, or a proxy before it, limits the size of what it takes: whoever runs it can raise that',
    };
  if (says('BLOB_UNKNOWN', 'MANIFEST_BLOB_UNKNOWN', 'MANIFEST_UNKNOWN'))
    return {
      kind: 'failed-precondition',
      code: 'REGISTRY_CONTENT_MISSING',
      hint: 'the registry lacks something that the manifest refers to, or has removed it meanwhile: push again',
    };
  if (says('DIGEST_INVALID'))
    return {
      kind: 'failed-precondition',
      code: 'REGISTRY_DIGEST_MISMATCH',
      hint: 'something on the way to the registry changes what is sent, or the registry does not know the algorithm of the digest',
    };
  if (status === 415 || says('MANIFEST_INVALID', 'MANIFEST_UNVERIFIED'))
    return {
      kind: 'invalid-argument',
      code: 'REGISTRY_MANIFEST_REFUSED',
      hint: 'the registry does not take this kind of image or artifact; a newer one may',
    };
  if (status === 405 || says('UNSUPPORTED'))
    return {
      kind: 'unimplemented',
      code: 'REGISTRY_TAKES_NO_PUSH',
      hint: 'the registry is read-only, as a mirror is: push to the one behind it',
    };
  if (status === 404)
    return {
      kind: 'not-found',
      code: 'REGISTRY_REPOSITORY_NOT_FOUND',
      hint: `check the name; some registries want ${quote(place)} to be made before the first push`,
    };
  return undefined;
}

/** Whether Docker-Content-Digest says another digest. One of another algorithm is no contradiction: registries keep blobs by their sha256. */
export function contradicts(response: HttpResponse, digest: Digest): boolean {
  const stated = response.headers['docker-content-digest'];
  if (stated === undefined || stated === digest) return false;
  return !isDigest(stated) || parseDigest(stated).algorithm === parseDigest(digest).algorithm;
}

/** Errors: `failed-precondition` when the registry says another digest of what was pushed. */
export function checkStatedDigest(response: HttpResponse, descriptor: Descriptor): void {
  if (!contradicts(response, descriptor.digest)) return;
  const stated = response.headers['docker-content-digest'];
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'REGISTRY_DIGEST_MISMATCH',
    message: `pushing ${descriptor.digest}: ${quote(response.url.host)} says that it is ${isDigest(stated) ? stated : quote(String(stated))}`,
    hint: 'the registry or something on the way to it changes what is sent',
  });
}
