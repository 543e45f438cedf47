import { type ErrorKind, isSlipwayError, SlipwayError, wrapError } from '@slipway/plugin-api';
import { type ByteString, quote } from '../bytes.js';
import { layerErrorKinds } from '../errors.js';

/** What can be wrong with a copy, besides what is wrong with the archive as such (`ARCHIVE_` and what follows `LAYER_` there). */
export const copyErrorKinds = {
  /** A name that leads out of the folder, or none at all. */
  ARCHIVE_NAME_INVALID: 'invalid-argument',
  ARCHIVE_LINK_INVALID: 'invalid-argument',
  /** A file would take the place of a folder, or a folder that of a file, which was not wanted. */
  COPY_REPLACES_KIND: 'failed-precondition',
  /** What is copied, or where it goes, is not what it was a moment ago. */
  COPY_CHANGED: 'aborted',
  COPY_TOO_DEEP: 'resource-exhausted',
} as const satisfies Record<string, ErrorKind>;

export function copyError(code: keyof typeof copyErrorKinds, path: ByteString, problem: string, hint?: string): SlipwayError {
  return new SlipwayError({
    kind: copyErrorKinds[code],
    code,
    message: `copy ${quote(path)}: ${problem}`,
    hint,
    details: { path: quote(path).slice(1, -1) },
  });
}

/** What the system refused, without its call and the path by which it was asked, which is one of our own descriptors. */
export function copyFailure(path: ByteString, error: unknown): SlipwayError {
  const wrapped = wrapError(`copy ${quote(path)}`, error);
  const [, why] = /^[A-Z]\w+: (.*?), [a-z]\w*(?: '.*)?$/s.exec(error instanceof Error ? error.message : '') ?? [];
  if (wrapped === error || why === undefined) return wrapped;
  const { kind, code, hint } = wrapped;
  const isOurs = hint === 'run as root' && process.geteuid?.() === 0;
  return new SlipwayError({
    kind,
    code,
    message: `copy ${quote(path)}: ${why}`,
    hint: isOurs ? undefined : hint,
    cause: error,
    details: { path: quote(path).slice(1, -1) },
  });
}

/** The tar reader speaks of layers; whoever copies has an archive. */
export function asArchiveError(error: unknown): unknown {
  if (!isSlipwayError(error) || !(error.code in layerErrorKinds)) return error;
  const { kind, code, message, hint, details } = error;
  return new SlipwayError({
    kind,
    code: code.replace('LAYER_', 'ARCHIVE_'),
    message: message.replace(/^(the )?layer\b/, 'archive').replace(/\blayer\b/g, 'archive'),
    hint,
    details,
    cause: error.cause,
  });
}
