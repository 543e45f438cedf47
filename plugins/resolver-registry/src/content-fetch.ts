import { isIndexType, isManifestType, isSchema1Type, parseDigest, quote } from '@slipway/oci';
import { type Descriptor, type FetchedContent, isSlipwayError, SlipwayError, step } from '@slipway/plugin-api';
import { discard, endingInTime } from './bounded-body.js';
import { askForeign, blobNotFound } from './foreign-layer.js';
import { acceptedManifests } from './manifest-resolution.js';
import { pieceOpener, rangeOf } from './piece-opener.js';
import { type RangeTuning, rangedBody, rangeTuning } from './ranged-body.js';
import type { RegistryRequest, RegistrySession } from './registry-session.js';
import type { HttpResponse } from './transport.js';
import { transportError } from './transport-errors.js';

/** An answer that has the content from `start` on, and what was asked for it, without a range. */
interface Opened {
  readonly request: RegistryRequest;
  readonly response: HttpResponse;
  readonly start: number;
}

/** Opens a blob or manifest from `offset` on, or from its beginning where the registry cannot start in the middle. */
export async function fetchContent(
  session: RegistrySession,
  repository: string,
  descriptor: Descriptor,
  offset: number,
  signal: AbortSignal | undefined,
  tuning: RangeTuning = rangeTuning,
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

  const opened = await open(session, repository, descriptor, isDocument(descriptor) ? 0 : offset, signal);
  const { response, start } = opened;
  await checkAnnounced(response, descriptor, start);
  step('fetch.connected', { digest: descriptor.digest, offset: start });
  const end = new AbortController();
  const ending = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
  return {
    offset: start,
    body: bodyOf(session, opened, descriptor, ending, tuning),
    [Symbol.asyncDispose]: async () => {
      end.abort();
      response.body.destroy();
    },
  };
}

function isDocument({ mediaType }: Descriptor): boolean {
  return isIndexType(mediaType) || isManifestType(mediaType) || isSchema1Type(mediaType);
}

async function open(
  session: RegistrySession,
  repository: string,
  descriptor: Descriptor,
  wanted: number,
  signal: AbortSignal | undefined,
): Promise<Opened> {
  const document = isDocument(descriptor);
  const path = `${document ? 'manifests' : 'blobs'}/${descriptor.digest}`;
  const accept = document ? `${descriptor.mediaType}, ${acceptedManifests}` : '*/*';
  const request: RegistryRequest = { method: 'GET', repository, path, headers: { accept }, signal };
  const found = await openAt(session, request, descriptor, wanted);
  if (found.start !== undefined) return { ...found, start: found.start };
  const what = `fetching ${descriptor.digest} of ${quote(`${session.registry}/${repository}`)}`;
  const error = await session.failure(what, found.response, signal);
  if (error.kind !== 'not-found') throw error;
  const refusals: string[] = [];
  for (const foreign of askForeign(session, request, found.response, descriptor, refusals)) {
    try {
      const answer = await openAt(session, foreign, descriptor, wanted);
      if (answer.start !== undefined) return { ...answer, start: answer.start };
      await discard(answer.response);
      refusals.push(`${quote(answer.response.url.host)} answered ${answer.response.status}`);
    } catch (failure) {
      if (!isSlipwayError(failure) || failure.kind === 'canceled') throw failure;
      refusals.push(failure.message);
    }
  }
  throw blobNotFound(error, descriptor, refusals);
}

/** `start` is undefined for an answer that has nothing that could be used. */
async function openAt(
  session: RegistrySession,
  request: RegistryRequest,
  descriptor: Descriptor,
  wanted: number,
): Promise<{ readonly request: RegistryRequest; readonly response: HttpResponse; readonly start: number | undefined }> {
  const range = wanted > 0 ? { range: `bytes=${wanted}-` } : {};
  const response = await session.send({ ...request, headers: { ...request.headers, ...range } });
  const start = startOf(response, descriptor, wanted);
  if (start !== undefined || wanted === 0 || (response.status !== 206 && response.status !== 416))
    return { request, response, start };
  // A range that is answered wrongly would splice bytes of other places; all of it is slower, but right.
  session.ranges.distrust();
  await discard(response);
  return openAt(session, request, descriptor, 0);
}

/** Where the answer's body starts in the content; undefined when it is none, or not one that may be used. */
function startOf(response: HttpResponse, descriptor: Descriptor, wanted: number): number | undefined {
  if (response.status === 200) return 0;
  if (wanted === 0) return undefined;
  const range = rangeOf(response, descriptor.size);
  return range?.first === wanted && range.last === descriptor.size - 1 ? wanted : undefined;
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
  session: RegistrySession,
  { request, response, start }: Opened,
  descriptor: Descriptor,
  signal: AbortSignal,
  tuning: RangeTuning,
): AsyncGenerator<Uint8Array> {
  using _end = isDocument(descriptor) ? endingInTime(response) : undefined;
  const head = wholeBody(response, descriptor, start);
  try {
    if (isDocument(descriptor)) return yield* head;
    const open = pieceOpener(session, request, response, descriptor);
    return yield* rangedBody({ head, start, size: descriptor.size, open, slots: session.ranges, signal, tuning });
  } catch (error) {
    throw transportError(`fetching ${descriptor.digest} from ${quote(response.url.host)}`, error, signal);
  }
}

async function* wholeBody(response: HttpResponse, descriptor: Descriptor, start: number): AsyncGenerator<Buffer> {
  let position = start;
  try {
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      position += chunk.byteLength;
      if (position > descriptor.size)
        throw sizeMismatch(response, descriptor, `with more than the ${descriptor.size - start} bytes expected`);
      yield chunk;
    }
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
