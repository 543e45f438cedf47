import type { ErrorKind, LayerTree } from '@slipway/plugin-api';

/** What the thread that reads trees is started with; trees are topmost first. */
export type TreeJob =
  /** The whole tree as a tar file. */
  | { readonly kind: 'tar'; readonly trees: readonly LayerTree[] }
  /** What differs, by path. */
  | { readonly kind: 'changes'; readonly lower: readonly LayerTree[]; readonly upper: readonly LayerTree[] };

/** A thread's job. `stop`: one 32-bit integer, not 0 when the thread is to end; seen also while it is too busy for messages. */
export interface TreeWork {
  readonly job: TreeJob;
  readonly stop: SharedArrayBuffer;
}

/** Paths are bytes, one character for each. */
export interface TreeChange {
  readonly path: string;
  readonly kind: 'added' | 'changed' | 'deleted';
}

export interface TreeParts {
  readonly tar: Uint8Array<ArrayBuffer>;
  readonly changes: readonly TreeChange[];
}

/** Any number of parts, then `done` or `failed`. The thread is told `taken` of each part that was, and `stop`. */
export type TreeMessage =
  | { readonly type: 'part'; readonly part: TreeParts[TreeJob['kind']] }
  | { readonly type: 'done' }
  | {
      readonly type: 'failed';
      readonly error: {
        readonly kind: ErrorKind;
        readonly code: string;
        readonly message: string;
        readonly hint: string | undefined;
        readonly details: Readonly<Record<string, unknown>>;
      };
    };
