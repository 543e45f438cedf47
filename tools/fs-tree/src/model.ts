import type { TreeEntryType } from './entry.ts';

interface Attributes {
  mode: number;
  uid: number;
  gid: number;
  /** Null for a directory that no layer lists: the specification gives it no time. */
  mtimeNs: bigint | null;
  xattrs: Readonly<Record<string, string>>;
}

/** Names of children are latin1 text, one character a byte. */
export interface Directory extends Attributes {
  type: 'd';
  children: Map<string, Node>;
  /** The layer that each child's name was last put there by, or listed; a file copied up to be linked keeps the layer it came from. */
  addedBy: Map<string, number>;
}

/** Anything without children. Two names that hold the same object are hard links of each other. */
export interface Leaf extends Attributes {
  type: Exclude<TreeEntryType, 'd'>;
  /** Index of the layer that made it. */
  layer: number;
  size?: number | undefined;
  sha256?: string | undefined;
  link?: string | undefined;
  device?: string | undefined;
}

export type Node = Directory | Leaf;

export function directory(mode: number, uid: number, gid: number, mtimeNs: bigint | null): Directory {
  return { type: 'd', mode, uid, gid, mtimeNs, xattrs: {}, children: new Map(), addedBy: new Map() };
}

export function add(parent: Directory, name: string, node: Node, layer: number): void {
  parent.children.set(name, node);
  parent.addedBy.set(name, layer);
}

export function isDirectory(node: Node): node is Directory {
  return node.type === 'd';
}
