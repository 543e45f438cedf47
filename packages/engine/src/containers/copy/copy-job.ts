import type { ErrorKind, PathStat } from '@slipway/plugin-api';

/** Descriptors are this process', which threads share. */
export type CopyTree =
  /** The root that a running container sees. */
  | { readonly kind: 'live'; readonly root: number }
  /** The tree of one that does not run, attached nowhere, and what belongs into it. */
  | {
      readonly kind: 'stored';
      readonly root: number;
      /** An existing directory of our own: the tree is attached there where the thread alone sees it. */
      readonly place: string;
      readonly mounts: readonly CopyMount[];
    };

/** What is mounted in the tree: a descriptor, and where it goes, after all links. */
export interface CopyMount {
  readonly fd: number;
  readonly target: string;
}

/** What the thread that copies is started with. Paths are the container's. */
export type CopyJob = { readonly tree: CopyTree; readonly path: string } & (
  | { readonly kind: 'stat' }
  | { readonly kind: 'pack'; readonly followLink: boolean }
  | { readonly kind: 'unpack'; readonly keepOwners: boolean; readonly noReplaceKind: boolean }
);

/** From the thread: for `stat` and `pack` what is at the path, for `pack` parts of a tar stream; `taken` for each part of the one to unpack. */
export type CopyMessage =
  | { readonly type: 'stat'; readonly stat: PathStat | undefined }
  | { readonly type: 'part'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: 'taken' }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly error: CopyFailure };

export interface CopyFailure {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

/** To the thread: `taken` for each part of a packed tree; parts of the archive to unpack, and its end. */
export type CopyRequest =
  | { readonly type: 'taken' }
  | { readonly type: 'part'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: 'end' };
