import type { ByteString } from '../bytes.js';

/** What a staged layer wants of one path in the trees below, which were not known when it was staged. */
export interface LayerNote {
  /** Index of the note of the directory above, which comes before this one; -1 of the root. */
  readonly parent: number;
  /** Below that directory; empty for the root. */
  readonly name: ByteString;
  /** A path of the layer went on through here as if it were no symbolic link: it must be none. */
  isNoLink: boolean;
  /** The layer has made this directory without listing it: it keeps the attributes that it has below. */
  isImplied: boolean;
  /** A whiteout hides what is here below. */
  isHidden: boolean;
  /** An opaque marker hides what is below in this directory. */
  isOpaque: boolean;
}

/** All notes of a layer as plain data; the first one is of the root. Memory grows with the names in it. */
export type LayerNotes = readonly LayerNote[];
