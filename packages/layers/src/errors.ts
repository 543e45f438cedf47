import { type ErrorKind, SlipwayError } from '@slipway/plugin-api';
import { type ByteString, quote } from './bytes.js';

/** What is wrong with a layer. All but `LAYER_TREE_CHANGED` and `LAYER_NEEDS_LOWER` are final: the same bytes fail again. */
export const layerErrorKinds = {
  /** The stream is no tar archive, or stops being one. */
  LAYER_NOT_TAR: 'invalid-argument',
  /** A header, or what extends it, is malformed. */
  LAYER_HEADER_INVALID: 'invalid-argument',
  /** A name cannot be one. */
  LAYER_NAME_INVALID: 'invalid-argument',
  /** A type of entry that layers do not have. */
  LAYER_TYPE_UNKNOWN: 'invalid-argument',
  /** A hard link to what is not there, or cannot be linked. */
  LAYER_LINK_INVALID: 'invalid-argument',
  /** A whiteout that names nothing that could be hidden. */
  LAYER_WHITEOUT_INVALID: 'invalid-argument',
  /** A device that would act as a whiteout. */
  LAYER_DEVICE_INVALID: 'invalid-argument',
  /** Too many symbolic links in the resolution of one name. */
  LAYER_LINK_LOOP: 'invalid-argument',
  /** The stream ends inside an entry. */
  LAYER_TRUNCATED: 'data-loss',
  /** A tree is written to while it is compared. */
  LAYER_TREE_CHANGED: 'aborted',
  /** A limit of {@link LayerLimits} is passed. */
  LAYER_TOO_LARGE: 'resource-exhausted',
  /** Images and directories below each other, or what is no layer. */
  LAYER_FORMAT_UNSUPPORTED: 'unimplemented',
  /** The target is not what the format asks for. */
  LAYER_TARGET_INVALID: 'failed-precondition',
  /** Staged ahead of the layers below, this one cannot be made right any more: it is to be applied in order. */
  LAYER_NEEDS_LOWER: 'failed-precondition',
} as const satisfies Record<string, ErrorKind>;

export type LayerErrorCode = keyof typeof layerErrorKinds;

export interface LayerErrorOptions {
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

export function layerError(code: LayerErrorCode, message: string, options: LayerErrorOptions = {}): SlipwayError {
  return new SlipwayError({ kind: layerErrorKinds[code], code, message, hint: options.hint, cause: options.cause });
}

/** An error about one entry, which it names in the message and, escaped the same way, in `details.entry`. */
export function entryError(code: LayerErrorCode, entry: ByteString, problem: string): SlipwayError {
  return new SlipwayError({
    kind: layerErrorKinds[code],
    code,
    message: `layer entry ${quote(entry)}: ${problem}`,
    details: { entry: quote(entry).slice(1, -1) },
  });
}
