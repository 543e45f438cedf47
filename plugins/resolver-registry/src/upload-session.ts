import { quote } from '@slipway/oci';
import { type Descriptor, type Digest, SlipwayError } from '@slipway/plugin-api';
import { discard } from './bounded-body.js';
import { contradicts, pushFailure } from './push-errors.js';
import type { RegistrySession } from './registry-session.js';
import { pullScope, pushScope, type Scope } from './scopes.js';
import type { HttpResponse } from './transport.js';

/** The repository that is pushed to. */
export interface PushPlace {
  readonly session: RegistrySession;
  readonly repository: string;
}

/** An upload that the registry has begun (distribution-spec, "Pushing blobs"). */
export interface UploadSession {
  /** Where its next request goes; every answer may change it. */
  readonly location: URL;
  /** Somebody else than the registry has named the location: what is there gets no credentials, be it at the registry. */
  readonly anonymous: boolean;
  /** Least bytes of a chunk that is not the last (OCI-Chunk-Min-Length). */
  readonly minChunk: number;
}

/** What may be asked of a chunk; more is no size that anyone means. */
const maxMinChunk = 1024 ** 3;

/** A canceled push is to have ended within a second. */
const giveUpMs = 800;

export function scopesOf({ repository }: PushPlace): readonly Scope[] {
  return [pushScope(repository)];
}

export function uploadWhat({ session, repository }: PushPlace, { digest }: Pick<Descriptor, 'digest'>): string {
  return `pushing ${digest} to ${quote(`${session.registry}/${repository}`)}`;
}

/** Begins an upload. Errors: as of a push. */
export async function beginUpload(
  place: PushPlace,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<UploadSession> {
  const { session, repository } = place;
  const path = 'blobs/uploads/';
  const response = await session.send({ method: 'POST', repository, path, headers: {}, scopes: scopesOf(place), signal });
  if (response.status !== 202) throw await pushFailure(session, repository, uploadWhat(place, descriptor), response, signal);
  return sessionOf(place, response);
}

/**
 * Asks the registry to take the blob from another of its repositories.
 *
 * @returns `mounted`, or the upload that it began in place of that, or undefined where it refused
 */
export async function mountBlob(
  place: PushPlace,
  { digest }: { readonly digest: Digest },
  from: string,
  signal: AbortSignal | undefined,
): Promise<'mounted' | UploadSession | undefined> {
  const { session, repository } = place;
  const response = await session.send({
    method: 'POST',
    repository,
    path: `blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`,
    headers: {},
    scopes: [...scopesOf(place), pullScope(from)],
    signal,
  });
  if (response.status === 202) return sessionOf(place, response);
  await discard(response);
  // Another digest than asked for would be a blob that nobody wants, so that is no mount.
  return response.status === 201 && !contradicts(response, digest) ? 'mounted' : undefined;
}

/** The session after an answer: at the new location where it says one. */
export function nextSession({ session }: PushPlace, upload: UploadSession, response: HttpResponse): UploadSession {
  if (response.headers.location === undefined) return upload;
  return { ...upload, location: session.locationOf(response), anonymous: upload.anonymous || !session.isOwn(response) };
}

/** How much of it the registry has, from the first byte on. Undefined when the upload cannot be gone on with. */
export async function uploadProgress(
  place: PushPlace,
  upload: UploadSession,
  signal: AbortSignal | undefined,
): Promise<{ readonly upload: UploadSession; readonly received: number } | undefined> {
  const { session, repository } = place;
  const response = await session.attempt({
    method: 'GET',
    repository,
    path: upload.location,
    anonymous: upload.anonymous,
    headers: {},
    scopes: scopesOf(place),
    signal,
  });
  await discard(response);
  const received = receivedBytes(response);
  if (response.status !== 204 || received === undefined) return undefined;
  return { upload: nextSession(place, upload, response), received };
}

/** By the Range of an answer; undefined where it says none. */
export function receivedBytes(response: HttpResponse): number | undefined {
  const last = /^(?:bytes[ =])?0-([0-9]{1,15})$/.exec(String(response.headers['range'] ?? ''))?.[1];
  if (last === undefined) return undefined;
  // Registries say 0-0 of an empty upload as well as of one with a single byte; the first is what happens.
  return last === '0' ? 0 : Number(last) + 1;
}

/** Tells the registry that it can forget the upload. It forgets it some day without that, so nothing comes of a failure. */
export async function giveUpUpload(place: PushPlace, { location, anonymous }: UploadSession): Promise<void> {
  const { session, repository } = place;
  try {
    const signal = AbortSignal.timeout(giveUpMs);
    const scopes = scopesOf(place);
    await discard(
      await session.attempt({ method: 'DELETE', repository, path: location, anonymous, headers: {}, scopes, signal }),
    );
  } catch {
    // Best effort, as said above.
  }
}

/** The location with the digest that completes the upload; its own query is kept as it is. */
export function completing({ location }: UploadSession, digest: Digest): URL {
  const url = new URL(location);
  url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
  return url;
}

async function sessionOf({ session }: PushPlace, response: HttpResponse): Promise<UploadSession> {
  await discard(response);
  const stated = Number(response.headers['oci-chunk-min-length'] ?? 0);
  const minChunk = Number.isSafeInteger(stated) && stated > 0 ? stated : 0;
  if (minChunk > maxMinChunk)
    throw new SlipwayError({
      kind: 'failed-precondition',
      code: 'REGISTRY_CHUNK_TOO_LARGE',
      message: `registry ${quote(session.registry)} wants chunks of at least ${minChunk} bytes, at most ${maxMinChunk} are sent`,
    });
  return { location: session.locationOf(response), anonymous: !session.isOwn(response), minChunk };
}
