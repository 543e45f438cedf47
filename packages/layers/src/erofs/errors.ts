import { type ErrorKind, hasCode, isSlipwayError, SlipwayError } from '@slipway/plugin-api';

/** What can be wrong with an EROFS image, or with what is to become one. */
export const erofsErrorKinds = {
  /** The image is damaged, or made to deceive. */
  EROFS_IMAGE_INVALID: 'data-loss',
  /** The image uses what this reader does not know. */
  EROFS_FEATURE_UNSUPPORTED: 'unimplemented',
  /** A file's bytes are in another file, which the reader was not given. */
  EROFS_DEVICE_MISSING: 'failed-precondition',
  /** The format has no room for something. */
  EROFS_CANNOT_HOLD: 'invalid-argument',
  /** More than the format, or this writer, is made for. */
  EROFS_TOO_LARGE: 'resource-exhausted',
  /** A tree is written to while an image of it is made. */
  EROFS_TREE_CHANGED: 'aborted',
} as const satisfies Record<string, ErrorKind>;

export type ErofsErrorCode = keyof typeof erofsErrorKinds;

export function erofsError(code: ErofsErrorCode, message: string, hint?: string): SlipwayError {
  return new SlipwayError({ kind: erofsErrorKinds[code], code, message, hint });
}

/** An error of the writer, which knows no paths, with what it was about. Anything else as it is. */
export function erofsErrorAbout(what: string, error: unknown): unknown {
  if (!isSlipwayError(error) || !hasCode(error, 'EROFS_CANNOT_HOLD', 'EROFS_TOO_LARGE')) return error;
  const { kind, code, message, hint } = error;
  return message.startsWith(what) ? error : new SlipwayError({ kind, code, message: `${what}: ${message}`, hint });
}
