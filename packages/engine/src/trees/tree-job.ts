import type { ErrorKind, LayerTree } from '@slipway/plugin-api';

/** What the thread that reads trees is started with; trees are topmost first. */
export type TreeJob =
  /** The whole tree as a tar file. */
  | { readonly kind: 'tar'; readonly trees: readonly LayerTree[] }
  /** What differs, by path. */
  | { readonly kind: 'changes'; readonly lower: readonly LayerTree[]; readonly upper: readonly LayerTree[] };

/** Paths are bytes, one character for each. */
export interface TreeChange {
  readonly path: string;
  readonly kind: 'added' | 'changed' | 'deleted';
}

export interface TreeParts {
  readonly tar: Uint8Array<ArrayBuffer>;
  readonly changes: readonly TreeChange[];
}

/** Any number of parts, then `done` or `failed`. The thread is told of each part that was taken. */
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
