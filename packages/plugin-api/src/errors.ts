/**
 * The error model that every part of Slipway shares.
 *
 * A caller matches on {@link SlipwayError.kind} (what class of failure, a closed set) or on {@link SlipwayError.code}
 * (which failure, stable for ever), never on the message and never with `instanceof`: an error may come from a plugin
 * that brought its own copy of this package.
 *
 * @stable
 * @since 0.1
 */

/**
 * The closed set of failure kinds. Each maps one to one to the gRPC status code of the same name, so a server plugin
 * can answer in gRPC or HTTP terms without a table of its own.
 */
export const errorKinds = [
  'invalid-argument',
  'not-found',
  'already-exists',
  'failed-precondition',
  'unavailable',
  'out-of-range',
  'unimplemented',
  'aborted',
  'canceled',
  'permission-denied',
  'resource-exhausted',
  'data-loss',
  'internal',
] as const;

export type ErrorKind = (typeof errorKinds)[number];

export interface SlipwayErrorOptions {
  readonly kind: ErrorKind;
  /** Stable identifier of this very failure, upper snake case: `CONTENT_DIGEST_MISMATCH`. */
  readonly code: string;
  /** The operation, the quoted thing, and found against expected. One line, no final full stop needed. */
  readonly message: string;
  /** What the reader can do next. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Plain data for programs: the values that the message quotes. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

export class SlipwayError extends Error {
  override readonly name = 'SlipwayError';
  readonly kind: ErrorKind;
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(options: SlipwayErrorOptions) {
    super(redact(options.message), options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = options.kind;
    this.code = options.code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  /** The wire and `--json` form. The cause is given as text only. */
  toJSON(): Record<string, unknown> {
    return {
      kind: this.kind,
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(Object.keys(this.details).length === 0 ? {} : { details: this.details }),
      ...(this.cause === undefined ? {} : { cause: redact(messageOf(this.cause)) }),
    };
  }
}

/** True for every error of this model, whichever copy of the package made it. */
export function isSlipwayError(error: unknown): error is SlipwayError {
  return (
    error instanceof Error &&
    'kind' in error &&
    'code' in error &&
    typeof error.code === 'string' &&
    (errorKinds as readonly unknown[]).includes(error.kind)
  );
}

/** True when the error is of one of these kinds. */
export function isKind(error: unknown, ...kinds: readonly ErrorKind[]): boolean {
  return isSlipwayError(error) && kinds.includes(error.kind);
}

/** True when the error has one of these codes: an error of this model (`CONTENT_NOT_FOUND`), or a system error (`ENOENT`). */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}

/** The error an aborted operation rejects with: kind `canceled`, whatever reason the signal carries. */
export function canceled(what: string, signal?: AbortSignal): SlipwayError {
  const reason: unknown = signal?.reason;
  if (isSlipwayError(reason)) return reason;
  return new SlipwayError({ kind: 'canceled', code: 'CANCELED', message: `${what} was canceled`, cause: reason });
}

/** Throws {@link canceled} when the signal is aborted. */
export function throwIfAborted(what: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw canceled(what, signal);
}

const systemErrorKinds: ReadonlyMap<string, ErrorKind> = new Map<string, ErrorKind>(
  Object.entries({
    ENOENT: 'not-found',
    EEXIST: 'already-exists',
    EACCES: 'permission-denied',
    EPERM: 'permission-denied',
    EROFS: 'permission-denied',
    ENOSPC: 'resource-exhausted',
    EDQUOT: 'resource-exhausted',
    EMFILE: 'resource-exhausted',
    ENFILE: 'resource-exhausted',
    ENOMEM: 'resource-exhausted',
    EIO: 'data-loss',
    EBUSY: 'failed-precondition',
    EINVAL: 'invalid-argument',
    EISDIR: 'invalid-argument',
    ENOTDIR: 'invalid-argument',
    ELOOP: 'invalid-argument',
    ENAMETOOLONG: 'invalid-argument',
    ENOSYS: 'unimplemented',
    EOPNOTSUPP: 'unimplemented',
    ECONNREFUSED: 'unavailable',
    ECONNRESET: 'unavailable',
    ENOTFOUND: 'unavailable',
    EAI_AGAIN: 'unavailable',
    ETIMEDOUT: 'unavailable',
  } as const),
);

const systemErrorHints: ReadonlyMap<string, string> = new Map(
  Object.entries({
    ENOSPC: 'free some disk space (slipway images, slipway rmi) or choose another --root',
    EDQUOT: 'the disk quota is used up: free some space or choose another --root',
    EMFILE: 'raise the limit of open files (ulimit -n)',
    EACCES: 'run as root',
    EPERM: 'run as root',
    ENOENT: 'check the path: each folder that it leads through must be there',
    ENOTDIR: 'check the path: what it leads through must be folders',
    EISDIR: 'check the path: it must be that of a file',
  }),
);

/**
 * Wraps anything thrown while doing `what`. An error of this model passes through unchanged (its origin knows best);
 * a system error gets the kind that fits its errno and `SYSTEM_<errno>` as its code; anything else is `internal`.
 */
export function wrapError(what: string, error: unknown): SlipwayError {
  if (isSlipwayError(error)) return error;
  const errno = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (errno === 'ABORT_ERR')
    return new SlipwayError({ kind: 'canceled', code: 'CANCELED', message: `${what} was canceled`, cause: error });
  const kind = errno === undefined ? undefined : systemErrorKinds.get(errno);
  return new SlipwayError({
    kind: kind ?? 'internal',
    code: errno !== undefined && kind !== undefined ? `SYSTEM_${errno}` : 'INTERNAL',
    message: `${what}: ${messageOf(error)}`,
    hint: errno === undefined ? undefined : systemErrorHints.get(errno),
    cause: error,
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Removes what must never be printed: credentials in URLs, URL queries, bearer and basic tokens. */
export function redact(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^/\s@"']+@/gi, '$1***@')
    .replace(/\b(https?:\/\/[^\s"'?#]+)\?[^\s"']*/gi, '$1?***')
    .replace(/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, '$1 ***');
}
