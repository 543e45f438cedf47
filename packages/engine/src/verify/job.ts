import type { LayerTree } from '@slipway/plugin-api';

/** What the thread of verify does. */
export type VerifyJob =
  | { readonly kind: 'hash'; readonly fd: number; readonly algorithm: string }
  | { readonly kind: 'compare'; readonly found: LayerTree; readonly expected: readonly LayerTree[] };

export interface VerifyRequest {
  readonly id: number;
  readonly job: VerifyJob;
  /** An Int32Array of one: not 0 when the answer is not wanted any more. */
  readonly stop: SharedArrayBuffer;
}

export interface VerifyResult {
  /** Of `hash`: hexadecimal. */
  readonly hash: string;
  /** Of `hash`: how many there were to read. */
  readonly bytes: number;
  /** Of `compare`: the first differences, one line each. */
  readonly differences: readonly string[];
}

export type VerifyReply =
  | { readonly id: number; readonly type: 'progress'; readonly bytes: number }
  | { readonly id: number; readonly type: 'done'; readonly result: VerifyResult }
  | { readonly id: number; readonly type: 'failed'; readonly message: string; readonly code: string | undefined };
