import type { LayerLimits } from '@slipway/layers';
import type { ErrorKind, LayerTarget } from '@slipway/plugin-api';

/** What the worker thread is told to do. */
export interface ApplyJob {
  /** Of the blob; read with pread, so it may be shared. */
  readonly fd: number;
  /** Of the blob, in bytes. */
  readonly size: number;
  readonly target: LayerTarget;
  readonly limits: LayerLimits;
  /** One 32-bit integer; not 0 when the job is to stop. Seen also while the thread is too busy for messages. */
  readonly stop: SharedArrayBuffer;
}

/** What it answers: any number of `progress` and `warning`, then `done` or `failed`. */
export type JobMessage =
  | { readonly type: 'progress'; readonly bytes: number }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'done'; readonly result: ApplyResult }
  | { readonly type: 'failed'; readonly error: PlainError };

/** Of the uncompressed stream. */
export interface ApplyResult {
  readonly digest: string;
  readonly size: number;
}

/** A SlipwayError as the structured clone between threads keeps it. */
export interface PlainError {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}
