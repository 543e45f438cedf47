import { isIndexType, isManifestType, isSchema1Type, parseDigest, quote } from '@slipway/oci';
import { type Descriptor, type FetchedContent, SlipwayError, step } from '@slipway/plugin-api';
import { discard } from './bounded-body.js';
import { acceptedManifests } from './manifest-resolution.js';
import type { RegistrySession } from './registry-session.js';
import type { HttpResponse } from './transport.js';
import { transportError } from './transport-errors.js';

/** Opens a blob or manifest from `offset` on, or from its beginning where the registry cannot start in the middle. */
export async function fetchContent(
  session: RegistrySession,
  repository: string,
  descriptor: Descriptor,
  offset: number,
  signal: AbortSignal | undefined,
): Promise<FetchedContent> {
  parseDigest(descriptor.digest);
  if (!Number.isSafeInteger(offset) || offset < 0 || offset > descriptor.size)
    throw new SlipwayError({
      kind: 'out-of-range',
      code: 'REGISTRY_OFFSET_INVALID',
      message: `fetching ${descriptor.digest}: offset ${offset} is not between 0 and its size ${descriptor.size}`,
    });
  // There is no range of no bytes to ask for.
  if (offset > 0 && offset === descriptor.size) return { offset, body: nothing(), [Symbol.asyncDispose]: async () => undefined };

  const { mediaType } = descriptor;
  const isDocument = isIndexType(mediaType) || isManifestType(mediaType) || isSchema1Type(mediaType);
  const ask = (from: number): Promise<HttpResponse> =>
    session.send({
      method: 'GET',
      repository,
      path: `${isDocument ? 'manifests' : 'blobs'}/${descriptor.digest}`,
      headers: {
        accept: isDocument ? `${mediaType}, ${acceptedManifests}` : '*/*',
        ...(from > 0 ? { range: `bytes=${from}-` } : {}),
      },
      signal,
    });

  const wanted = isDocument ? 0 : offset;
  let response = await ask(wanted);
  let start = startOf(response, descriptor, wanted);
  if (start === undefined && wanted > 0 && (response.status === 206 || response.status === 416)) {
    // A range that is answered wrongly would splice bytes of other places; all of it is slower, but right.
    await discard(response);
    response = await ask(0);
    start = startOf(response, descriptor, 0);
  }
  if (start === undefined) throw await fetchFailure(session, repository, descriptor, response, signal);
  await checkAnnounced(response, descriptor, start);
  step('fetch.connected', { digest: descriptor.digest, offset: start });
  return {
    offset: start,
    body: bodyOf(response, descriptor, start, signal),
    [Symbol.asyncDispose]: async () => {
      response.body.destroy();
    },
  };
}

/** Where the answer's body starts in the content; undefined when it is none, or not one that may be used. */
function startOf(response: HttpResponse, descriptor: Descriptor, wanted: number): number | undefined {
  if (response.status === 200) return 0;
  if (response.status !== 206 || wanted === 0) return undefined;
  const match = /^bytes ([0-9]{1,15})-([0-9]{1,15})\/([0-9]{1,15}|\*)$/.exec(String(response.headers['content-range'] ?? ''));
  if (match === null) return undefined;
  const [, first, last, total] = match;
  const fits =
    Number(first) === wanted && Number(last) === descriptor.size - 1 && (total === '*' || Number(total) === descriptor.size);
  return fits ? wanted : undefined;
}

async function checkAnnounced(response: HttpResponse, descriptor: Descriptor, start: number): Promise<void> {
  const coding = response.headers['content-encoding'];
  const length = response.headers['content-length'];
  const expected = descriptor.size - start;
  const wrong =
    coding !== undefined && coding !== 'identity'
      ? `with the content coding ${quote(String(coding))}, which was not asked for`
      : length !== undefined && Number(length) !== expected
        ? `with ${quote(length)} bytes, expected ${expected}`
        : undefined;
  if (wrong === undefined) return;
  response.body.destroy();
  throw sizeMismatch(response, descriptor, wrong);
}

function sizeMismatch(response: HttpResponse, descriptor: Descriptor, wrong: string): SlipwayError {
  return new SlipwayError({
    kind: 'failed-precondition',
    code: 'REGISTRY_SIZE_MISMATCH',
    message: `fetching ${descriptor.digest}: ${quote(response.url.host)} answers ${wrong}`,
    hint: 'the registry or something on the way to it gives wrong data; try again, or another registry',
  });
}

async function* bodyOf(
  response: HttpResponse,
  descriptor: Descriptor,
  start: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let position = start;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      position += chunk.byteLength;
      if (position > descriptor.size)
        throw sizeMismatch(response, descriptor, `with more than the ${descriptor.size - start} bytes expected`);
      yield chunk;
    }
  } catch (error) {
    throw transportError(`fetching ${descriptor.digest} from ${quote(response.url.host)}`, error, signal);
  } finally {
    response.body.destroy();
  }
  if (position < descriptor.size)
    throw new SlipwayError({
      kind: 'unavailable',
      code: 'REGISTRY_CONNECTION_RESET',
      message: `fetching ${descriptor.digest} from ${quote(response.url.host)}: the answer ended at byte ${position} of ${descriptor.size}`,
    });
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // Nothing to yield.
}

async function fetchFailure(
  session: RegistrySession,
  repository: string,
  descriptor: Descriptor,
  response: HttpResponse,
  signal: AbortSignal | undefined,
): Promise<SlipwayError> {
  const what = `fetching ${descriptor.digest} of ${quote(`${session.registry}/${repository}`)}`;
  const error = await session.failure(what, response, signal);
  if (error.kind !== 'not-found') return error;
  const hint =
    descriptor.urls === undefined || descriptor.urls.length === 0
      ? 'the registry has lost a part of the image; its maker must push it again'
      : 'it is a foreign layer, which its registry may not hold; such images cannot be pulled';
  return new SlipwayError({
    kind: 'not-found',
    code: 'REGISTRY_BLOB_NOT_FOUND',
    message: error.message,
    hint,
    cause: error,
  });
}
