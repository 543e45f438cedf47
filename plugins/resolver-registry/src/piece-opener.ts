import type { Descriptor } from '@slipway/plugin-api';
import { discard } from './bounded-body.js';
import type { OpenPiece } from './layer-piece.js';
import type { RegistryRequest, RegistrySession } from './registry-session.js';
import { passingStatuses } from './retry.js';
import type { HttpResponse } from './transport.js';

/** What object stores answer when the signature in a URL is not valid any more. */
const expired: ReadonlySet<number> = new Set([400, 401, 403, 404, 410]);

/**
 * Asks for pieces of what `first` was the answer to. Where the registry led elsewhere, that place is asked again and the registry only when
 * the place does not take us any more.
 */
export function pieceOpener(
  session: RegistrySession,
  request: RegistryRequest,
  first: HttpResponse,
  descriptor: Descriptor,
): OpenPiece {
  const placeOf = (response: HttpResponse): string | URL => (session.isOwn(response) ? request.path : response.url);
  let place = placeOf(first);
  return async (from, last, signal) => {
    const headers = { ...request.headers, range: `bytes=${from}-${last}` };
    const asked = place;
    let response = await session.attempt({ ...request, path: asked, headers, signal });
    if (asked !== request.path && expired.has(response.status)) {
      await discard(response);
      response = await session.attempt({ ...request, headers, signal });
      place = placeOf(response);
    }
    if (isPiece(response, from, last, descriptor.size)) return response;
    if (passingStatuses.has(response.status)) throw await session.failure(`fetching ${descriptor.digest}`, response, signal);
    response.body.destroy();
    return undefined;
  };
}

/** Where a partial answer begins and ends; undefined when it does not say so, or says that the whole has another size. */
export function rangeOf(response: HttpResponse, size: number): { readonly first: number; readonly last: number } | undefined {
  if (response.status !== 206) return undefined;
  const header = String(response.headers['content-range'] ?? '');
  const [, first, last, total] = /^bytes ([0-9]{1,15})-([0-9]{1,15})\/([0-9]{1,15}|\*)$/.exec(header) ?? [];
  if (first === undefined || last === undefined || (total !== '*' && Number(total) !== size)) return undefined;
  return { first: Number(first), last: Number(last) };
}

function isPiece(response: HttpResponse, from: number, last: number, size: number): boolean {
  const range = rangeOf(response, size);
  const { 'content-encoding': coding = 'identity', 'content-length': length } = response.headers;
  const fits = length === undefined || Number(length) === last - from + 1;
  return range?.first === from && range.last === last && coding === 'identity' && fits;
}
