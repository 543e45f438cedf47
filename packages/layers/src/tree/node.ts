import type { ByteString } from '../bytes.js';
import type { Attributes } from './attributes.js';
import type { BaseDirectory } from './base.js';
import { DirectoryHandle } from './handle.js';

/** A directory of the merged view, as far as the layer has walked into it. */
export class DirectoryNode {
  #children: Map<ByteString, Child> | undefined;
  #handle: DirectoryHandle | undefined;
  readonly depth: number;
  /** It is in the target: made, copied up, or there from the start. */
  made = false;
  /** What is below is not known yet: the layer is staged. Its `base` is empty then. */
  isBaseUnknown = false;
  /** An entry of the layer gave its attributes. */
  listed = false;
  /** The layer has put something of its own in it or below it, or listed it. */
  added = false;
  /** Its content in the target has changed, and with that its time. */
  touched = false;
  /** New content gets its group or default access control list. Undefined: not yet looked at. */
  passesOn: boolean | undefined;

  constructor(
    readonly parent: DirectoryNode | undefined,
    readonly name: ByteString,
    /** The parts of the trees below that show through: none for a new or opaque directory. */
    public base: readonly BaseDirectory[],
    /** As it should be at the end. */
    public attributes: Attributes,
    /** What it has from the trees below; the attributes' xattrs are read only when it is copied up. */
    public copyFrom: CopySource | undefined,
    handle?: DirectoryHandle | undefined,
  ) {
    this.#handle = handle;
    this.depth = parent === undefined ? 0 : parent.depth + 1;
  }

  /** Of the target's directory, where the target lies in a file system. */
  get handle(): DirectoryHandle {
    this.#handle ??= new DirectoryHandle(this.parent?.handle, this.name);
    return this.#handle;
  }

  /**
   * What the layer has done to names here, and what it has walked through. A name that is missing is as the base has it. Made when
   * it is asked for: most directories of a layer that has very many stay empty, and a map is a third of what one takes.
   */
  get children(): Map<ByteString, Child> {
    this.#children ??= new Map();
    return this.#children;
  }
}

/** Where a base directory's own attributes are. */
export interface CopySource {
  readonly at: BaseDirectory;
  readonly name: ByteString;
}

/**
 * Something that is no directory.
 * - `own`: put there by the layer. - `copied`: a lower file, brought into the target to be linked to.
 * - `base`: seen in the trees below. - `gone`: hidden by the layer.
 */
export interface Leaf {
  readonly state: 'own' | 'copied' | 'base' | 'gone';
  /** Where it leads is read when it is walked through: kept, four kilobytes for each of a million links are too much. */
  readonly isSymlink?: boolean | undefined;
}

export type Child = DirectoryNode | Leaf;

export const ownLeaf: Leaf = { state: 'own' };
export const copiedLeaf: Leaf = { state: 'copied' };
export const goneLeaf: Leaf = { state: 'gone' };
