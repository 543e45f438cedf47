import {
  digestOf,
  formatReference,
  isDigest,
  isIndexType,
  isManifestType,
  maxManifestSize,
  mediaTypes,
  parseDigest,
  parseManifestDocument,
  quote,
  type Reference,
} from '@slipway/oci';
import { type Descriptor, type Digest, isSlipwayError, SlipwayError } from '@slipway/plugin-api';
import { discard, readBounded } from './bounded-body.js';
import type { RegistrySession } from './registry-session.js';
import type { HttpResponse } from './transport.js';

/** What we can use, best first. Schema 1 is not asked for: registries that convert would convert to it. */
export const acceptedManifests = [
  mediaTypes.ociIndex,
  mediaTypes.dockerManifestList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(', ');

/** The descriptor of what a name means. HEAD tells all that is needed; GET is for registries where it does not. */
export async function resolveManifest(
  session: RegistrySession,
  reference: Reference,
  signal: AbortSignal | undefined,
): Promise<Descriptor> {
  const path = `manifests/${reference.digest ?? reference.tag ?? 'latest'}`;
  const request = { repository: reference.repository, path, headers: { accept: acceptedManifests }, signal };
  const head = await session.send({ ...request, method: 'HEAD' });
  // Overload is no reason to ask again in another way; all the rest GET explains better.
  if (head.status === 429 || (head.status >= 500 && head.status !== 501))
    throw await session.failure(`resolving ${quote(formatReference(reference))}`, head, signal);
  await discard(head);
  if (head.status === 200) {
    const digest = statedDigest(head, reference);
    const mediaType = contentType(head);
    const size = contentLength(head);
    const name = digest ?? reference.digest;
    const usable = mediaType !== undefined && (isIndexType(mediaType) || isManifestType(mediaType));
    if (usable && name !== undefined && size !== undefined && size <= maxManifestSize) return { mediaType, digest: name, size };
  }
  const response = await session.send({ ...request, method: 'GET' });
  if (response.status !== 200) throw await manifestFailure(session, reference, response, signal);
  // Before its headers are judged: a body that nobody reads would hold its connection.
  const bytes = await naming(reference, () => readBounded(response, maxManifestSize, 'MANIFEST_TOO_LARGE', signal));
  const stated = statedDigest(response, reference);
  const expected = reference.digest ?? stated;
  const actual = digestOf(bytes, expected === undefined ? 'sha256' : parseDigest(expected).algorithm);
  if (expected !== undefined && expected !== actual) throw mismatch(reference, actual, expected);
  const { mediaType } = await naming(reference, () => parseManifestDocument(bytes, contentType(response)));
  return { mediaType, digest: actual, size: bytes.byteLength };
}

/** Whoever reads a document knows the place in it, not whose it is. */
async function naming<T>(reference: Reference, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isSlipwayError(error) || !error.code.startsWith('MANIFEST_')) throw error;
    const { kind, code, message, hint, cause, details } = error;
    throw new SlipwayError({
      kind,
      code,
      message: `resolving ${quote(formatReference(reference))}: ${message}`,
      hint: hint ?? 'what the registry sent is no image that can be used: check host and name',
      cause,
      details,
    });
  }
}

/** Docker-Content-Digest, which must be a digest and the one asked for. */
function statedDigest(response: HttpResponse, reference: Reference): Digest | undefined {
  const header = response.headers['docker-content-digest'];
  if (header === undefined) return undefined;
  if (!isDigest(header))
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'REGISTRY_DIGEST_MISMATCH',
      message: `resolving ${quote(formatReference(reference))}: the registry says that its digest is ${quote(String(header))}, which is no digest`,
    });
  // The same content under another algorithm would be no contradiction, but nothing that could be compared either.
  if (reference.digest !== undefined && reference.digest !== header) throw mismatch(reference, header, reference.digest);
  return header;
}

const genericTypes: ReadonlySet<string> = new Set([
  '',
  'application/octet-stream',
  'binary/octet-stream',
  'application/json',
  'text/plain',
]);

/** Only what says something: many servers call every file application/octet-stream or text/plain. */
function contentType(response: HttpResponse): string | undefined {
  const type = (String(response.headers['content-type'] ?? '').split(';', 1)[0] ?? '').trim().toLowerCase();
  return genericTypes.has(type) ? undefined : type;
}

function contentLength(response: HttpResponse): number | undefined {
  const header = response.headers['content-length'];
  if (header === undefined || !/^[0-9]{1,15}$/.test(header)) return undefined;
  const size = Number(header);
  return size > 0 ? size : undefined;
}

function mismatch(reference: Reference, found: Digest, expected: Digest): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'REGISTRY_DIGEST_MISMATCH',
    message: `resolving ${quote(formatReference(reference))}: the registry's manifest is ${found}, expected ${expected}`,
    hint: 'the registry or something on the way to it gives wrong data; try again, or another registry',
  });
}

async function manifestFailure(
  session: RegistrySession,
  reference: Reference,
  response: HttpResponse,
  signal: AbortSignal | undefined,
): Promise<SlipwayError> {
  const name = formatReference(reference);
  const error = await session.failure(`resolving ${quote(name)}`, response, signal);
  if (error.kind !== 'not-found') return error;
  const codes = (error.details['registryCodes'] ?? []) as readonly string[];
  const place = `${session.registry}/${reference.repository}`;
  if (codes.includes('NAME_UNKNOWN') || (await repositoryIsUnknown(session, reference.repository, signal)))
    return new SlipwayError({
      kind: 'not-found',
      code: 'REGISTRY_REPOSITORY_NOT_FOUND',
      message: `resolving ${quote(name)}: there is no repository ${quote(reference.repository)} on ${quote(session.registry)}`,
      hint: 'check the spelling of the image name',
      cause: error,
    });
  const missing =
    reference.digest === undefined ? `tag ${quote(reference.tag ?? 'latest')}` : `manifest ${quote(reference.digest)}`;
  return new SlipwayError({
    kind: 'not-found',
    code: reference.digest === undefined ? 'REGISTRY_TAG_NOT_FOUND' : 'REGISTRY_MANIFEST_NOT_FOUND',
    message: `resolving ${quote(name)}: the repository ${quote(place)} has no ${missing}`,
    hint: 'check which tags the repository has',
    cause: error,
  });
}

/** Docker's registry says MANIFEST_UNKNOWN for both; the list of tags tells them apart. */
async function repositoryIsUnknown(
  session: RegistrySession,
  repository: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const response = await session.send({ method: 'GET', repository, path: 'tags/list?n=1', headers: {}, signal });
    if (response.status !== 404) {
      await discard(response);
      return false;
    }
    const error = await session.failure('listing tags', response, signal);
    return ((error.details['registryCodes'] ?? []) as readonly string[]).includes('NAME_UNKNOWN');
  } catch {
    return false;
  }
}
