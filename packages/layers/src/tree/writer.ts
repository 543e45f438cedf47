import type { ByteString } from '../bytes.js';
import type { TarEntry } from '../tar/entry.js';
import type { Attributes } from './attributes.js';
import type { BaseEntry } from './base.js';
import type { DirectoryNode } from './node.js';

/**
 * What a resolved layer does to a target, one plain operation at a time. Names are already resolved: each operation is
 * about one name in one directory, and replaces whatever the target has there.
 */
export interface TreeWriter {
  /** A new directory. `hidesBase`: the trees below have something of this name that must not show through. */
  makeDirectory(node: DirectoryNode, hidesBase: boolean): void;
  /** Replaces all attributes of a directory that is there by those of the node. */
  setAttributes(node: DirectoryNode): void;
  /** A file, whose content follows by `writeFile` and `endFile`. */
  beginFile(parent: DirectoryNode, name: ByteString, entry: TarEntry): void;
  writeFile(chunk: Uint8Array, start: number, end: number, position: number): void;
  endFile(): void;
  makeSymlink(parent: DirectoryNode, name: ByteString, target: ByteString, attributes: Attributes): void;
  makeSpecial(parent: DirectoryNode, name: ByteString, entry: TarEntry): void;
  link(parent: DirectoryNode, name: ByteString, targetParent: DirectoryNode, targetName: ByteString): void;
  /** Brings something that is no directory from the trees below into the target, whole. */
  copyUp(parent: DirectoryNode, name: ByteString, source: BaseEntry): void;
  /** Removes what the target itself has under a name, if anything, with all below it. */
  remove(parent: DirectoryNode, name: ByteString): void;
  /** Makes a name of the trees below disappear. */
  hide(parent: DirectoryNode, name: ByteString): void;
  /** Keeps the trees below from showing through a directory that is in the target. */
  setOpaque(node: DirectoryNode): void;
  /** The directory is no longer in the layer. */
  forget(node: DirectoryNode): void;
  /** Last of all: `nodes` are the directories whose content has changed. */
  finish(nodes: Iterable<DirectoryNode>): void;
  /** In its place, when the trees below come later, and with them more of this. */
  suspend(nodes: Iterable<DirectoryNode>): void;
  /** What the target itself has under a name. */
  lookUp(parent: DirectoryNode, name: ByteString): OwnEntry | undefined;
  readLink(parent: DirectoryNode, name: ByteString): ByteString;
  /** Whether a directory of the target keeps the trees below from showing through. */
  isOpaque(node: DirectoryNode): boolean;
}

/** Something that the target itself has. */
export interface OwnEntry {
  readonly isDirectory: boolean;
  /** Without extended ones. */
  readonly attributes: Attributes;
}
