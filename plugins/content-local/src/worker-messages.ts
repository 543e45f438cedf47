import type { DigestAlgorithm } from '@slipway/oci';

export type RequestBody =
  | {
      readonly op: 'open';
      readonly file: number;
      readonly fd: number;
      readonly algorithm: DigestAlgorithm;
      readonly size: number;
    }
  | { readonly op: 'append'; readonly file: number; readonly buffer: ArrayBuffer; readonly bytes: number }
  | { readonly op: 'truncate' | 'close'; readonly file: number }
  | { readonly op: 'digest'; readonly file: number; readonly algorithm: DigestAlgorithm };

/** `call` comes back in the reply. */
export type Request = RequestBody & { readonly call: number };

export interface Reply {
  readonly call: number;
  readonly buffer?: ArrayBuffer | undefined;
  readonly digest?: string | undefined;
  readonly error?: { readonly message: string; readonly code: string | undefined } | undefined;
}
