import { maxManifestSize, parseDigest, quote } from '@slipway/oci';
import { type Descriptor, type Fetcher, SlipwayError } from '@slipway/plugin-api';
import { discard } from './bounded-body.js';
import { checkStatedDigest, contradicts, pushFailure } from './push-errors.js';
import { verifiedBytes } from './source-bytes.js';
import { type PushPlace, scopesOf, uploadWhat } from './upload-session.js';

/**
 * Puts it there under a tag or its digest.
 *
 * @returns whether the registry lists it as a referrer of its subject (OCI-Subject)
 */
export async function putManifest(
  place: PushPlace,
  descriptor: Descriptor,
  bytes: Buffer,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { session, repository } = place;
  const response = await session.send({
    method: 'PUT',
    repository,
    path: `manifests/${reference}`,
    headers: { 'content-type': descriptor.mediaType },
    body: {
      length: bytes.length,
      async *read() {
        yield bytes;
      },
    },
    scopes: scopesOf(place),
    signal,
  });
  if (response.status !== 201 && response.status !== 200 && response.status !== 202)
    throw await pushFailure(session, repository, uploadWhat(place, descriptor), response, signal);
  await discard(response);
  checkStatedDigest(response, descriptor);
  return response.headers['oci-subject'] !== undefined;
}

/** Whole and verified. Errors: `failed-precondition`, `resource-exhausted`. */
export async function readManifest(
  place: PushPlace,
  descriptor: Descriptor,
  source: Fetcher,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  parseDigest(descriptor.digest);
  if (descriptor.size > maxManifestSize)
    throw new SlipwayError({
      kind: 'resource-exhausted',
      code: 'MANIFEST_TOO_LARGE',
      message: `${uploadWhat(place, descriptor)}: it has ${descriptor.size} bytes, at most ${maxManifestSize} are allowed`,
    });
  const pieces: Uint8Array[] = [];
  for await (const piece of verifiedBytes(source, descriptor, signal)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/**
 * Asks before anything is sent. What a HEAD says against it, a request with a body says better, so only overload is an error here.
 * Errors: `failed-precondition` when something else is there under this digest.
 */
export async function existsAt(
  place: PushPlace,
  path: string,
  expected: { readonly digest: string; readonly size?: number },
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { session, repository } = place;
  const response = await session.send({ method: 'HEAD', repository, path, headers, scopes: scopesOf(place), signal });
  if (response.status === 429 || (response.status >= 500 && response.status !== 501))
    throw await pushFailure(session, repository, uploadWhat(place, expected), response, signal);
  await discard(response);
  if (response.status !== 200) return false;
  const { 'docker-content-digest': digest, 'content-length': length } = response.headers;
  const otherDigest = contradicts(response, expected.digest);
  // Some registries give no length to a HEAD, or 0.
  const otherSize = expected.size !== undefined && length !== undefined && length !== '0' && Number(length) !== expected.size;
  if (!otherDigest && !otherSize) return true;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'REGISTRY_DIGEST_MISMATCH',
    message: `${uploadWhat(place, expected)}: under this digest the registry has ${otherDigest ? quote(String(digest)) : `${length} bytes, expected ${expected.size}`}`,
    hint: 'the registry is damaged, or the manifest says a wrong size',
  });
}
