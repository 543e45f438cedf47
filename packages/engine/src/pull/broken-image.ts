import { isKind, isSlipwayError, SlipwayError } from '@slipway/plugin-api';

export const brokenImageHint = 'the image is broken; its maker must push it again';

const damagedHint =
  'slipway verify --repair mends what was damaged here; if nothing was, the image is broken and its maker must push it again';

/**
 * Names the part of the image at fault. Who reads a document or a layer knows the place in it and not whose it is. What is
 * final for these bytes gets the hint that says so, where its origin has none.
 */
export function brokenImage(what: string, error: unknown): unknown {
  if (!isSlipwayError(error) || isKind(error, 'canceled', 'unavailable', 'internal')) return error;
  const { kind, code, message, hint, cause, details } = error;
  const isFinal = isKind(error, 'invalid-argument', 'data-loss', 'resource-exhausted', 'failed-precondition', 'unimplemented');
  return new SlipwayError({
    kind,
    code,
    message: `${what}: ${message}`,
    hint: hint ?? (kind === 'data-loss' ? damagedHint : isFinal ? brokenImageHint : undefined),
    cause,
    details,
  });
}
