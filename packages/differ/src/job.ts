import type { ErofsForm, LayerLimits } from '@slipway/layers';
import type { ErrorKind, LayerTarget } from '@slipway/plugin-api';

/** What a worker thread can do, by the type of the job: what it is told, and what it answers. */
export interface Jobs {
  readonly apply: { readonly job: ReadJob; readonly result: ReadResult };
  readonly stage: { readonly job: ReadJob; readonly result: StageResult };
  readonly rebase: { readonly job: RebaseJob; readonly result: undefined };
}

export type JobType = keyof Jobs;

export type JobRequest = {
  [Type in JobType]: {
    readonly type: Type;
    readonly job: Jobs[Type]['job'];
    /** One 32-bit integer; not 0 when the job is to stop. Seen also while the thread is too busy for messages. */
    readonly stop: SharedArrayBuffer;
  };
}[JobType];

/** How a differ reads layers. */
export interface LayerSettings {
  /** As the config file names it. */
  readonly plugin: string;
  readonly limits: LayerLimits;
  readonly imageForm: ErofsForm | undefined;
}

/** To apply or stage a blob. */
export interface ReadJob extends LayerSettings {
  /** Of the blob; read with pread, so it may be shared. */
  readonly fd: number;
  /** Of the blob, in bytes. */
  readonly size: number;
  readonly target: LayerTarget;
}

/** Of the uncompressed stream. */
export interface ReadResult {
  readonly digest: string;
  readonly size: number;
}

export interface StageResult extends ReadResult {
  /** `LayerNotes` as bytes: between stage and rebase nobody else reads them, and so they are small and cheap to hand on. */
  readonly notes: Uint8Array;
}

export interface RebaseJob {
  readonly target: LayerTarget;
  readonly imageForm: ErofsForm | undefined;
  /** As {@link StageResult.notes}. */
  readonly notes: Uint8Array;
}

/** What the thread answers: any number of `progress` and `warning`, then `done` or `failed`. */
export type JobMessage =
  | { readonly type: 'progress'; readonly bytes: number }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'done'; readonly result: Jobs[JobType]['result'] }
  | { readonly type: 'failed'; readonly error: PlainError };

/** A SlipwayError as the structured clone between threads keeps it. */
export interface PlainError {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}
