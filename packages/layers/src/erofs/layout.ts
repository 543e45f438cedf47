import type { ByteString } from '../bytes.js';
import { type DirentBlocks, packDirents } from './dirents.js';
import { erofsError } from './errors.js';
import { extendedInodeBytes, layoutChunks, layoutInline, layoutPlain, roundUp, slotBytes, typeBits } from './format.js';
import { type InodeTable, keptChunks, keptTar, noTail } from './inode-table.js';

/** An inode number of 0 would be right, and is nothing to many programs: the root comes behind two slots. */
const firstOffset = 2 * slotBytes;
const mostSlots = 2 ** 32;
const typeMask = 0o170000;

/** A directory with its names, and the dots, in the order of their bytes. */
export interface PlannedDirectory extends DirentBlocks {
  readonly names: readonly ByteString[];
  readonly parent: number;
  readonly links: number;
}

/** The tree as it is in the end. */
export interface ReachedTree {
  /** Inodes that have a name, those of a directory together, in the order of their names. */
  readonly order: readonly number[];
  /** By inode. */
  readonly links: Uint32Array;
  readonly directories: ReadonlyMap<number, PlannedDirectory>;
}

/** How the data of an inode lies on disk. */
export interface Placement {
  readonly layout: number;
  readonly size: number;
  /** Bytes behind the inode and its attributes: the tail, or the map of its chunks. */
  readonly behind: number;
  /** Blocks among those that come before all inodes: of directories, and of links that do not fit behind theirs. */
  readonly blocks: number;
}

export function reachTree(table: InodeTable, root: number, blockBytes: number, checkpoint: () => void): ReachedTree {
  const links = new Uint32Array(table.count);
  const order = [root];
  const directories = new Map<number, PlannedDirectory>();
  const queue = [{ inode: root, parent: root }];
  for (const { inode, parent } of queue) {
    checkpoint();
    const children = table.children(inode);
    const names = [...children.keys()];
    let subdirectories = 0;
    names.push('.', '..');
    names.sort();
    for (const name of names) {
      const child = children.get(name);
      if (child === undefined) continue;
      if (links[child] === 0) order.push(child);
      links[child] = (links[child] ?? 0) + 1;
      if ((table.mode(child) & typeMask) !== typeBits.directory) continue;
      subdirectories++;
      queue.push({ inode: child, parent: inode });
    }
    directories.set(inode, { ...packDirents(names, blockBytes), names, parent, links: 2 + subdirectories });
  }
  return { order, links, directories };
}

export function placementOf(
  table: InodeTable,
  inode: number,
  xattrBytes: number,
  directory: PlannedDirectory | undefined,
  blockBytes: number,
): Placement {
  const size = directory?.size ?? table.size(inode);
  const head = extendedInodeBytes + xattrBytes;
  const rest = size % blockBytes;
  const type = table.mode(inode) & typeMask;
  if (directory) {
    const isInline = rest > 0 && head + rest <= blockBytes;
    const blocks = isInline ? Math.floor(size / blockBytes) : Math.ceil(size / blockBytes);
    return { layout: isInline ? layoutInline : layoutPlain, size, behind: isInline ? rest : 0, blocks };
  }
  switch (table.kept(inode)) {
    case keptChunks:
      return { layout: layoutChunks, size, behind: table.map(inode).starts.byteLength, blocks: 0 };
    case keptTar:
      return { layout: layoutChunks, size, behind: (head % 8) + 8, blocks: 0 };
    default:
      if (table.tail(inode) === noTail) return { layout: layoutPlain, size, behind: 0, blocks: 0 };
      // The kernel takes a link that is behind its inode only when both are in one block.
      if (type === typeBits.symlink && size < blockBytes && head + rest > blockBytes)
        return { layout: layoutPlain, size, behind: 0, blocks: 1 };
      return { layout: layoutInline, size, behind: rest, blocks: 0 };
  }
}

/** Gives out places for inodes, in rising order. */
export class InodePlaces {
  readonly #blockBytes: number;
  #end = firstOffset;

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  /** One past the last place, in bytes from the start of the metadata. */
  get end(): number {
    return this.#end;
  }

  /** The offset of an inode with so many bytes, attributes included, and so many behind it. */
  place(head: number, { layout, behind }: Placement): number {
    let offset = roundUp(this.#end, slotBytes);
    const total = head + behind;
    const block = this.#blockBytes;
    if (total <= block) {
      if ((offset % block) + total > block) offset = roundUp(offset, block);
    } else if (layout === layoutInline) {
      // A tail never crosses a block, whatever is before it.
      while (((offset + head) % block) + behind > block) offset += slotBytes;
    }
    this.#end = offset + total;
    if (this.#end / slotBytes >= mostSlots)
      throw erofsError('EROFS_TOO_LARGE', `the metadata of the image is over the limit of ${mostSlots * slotBytes} bytes`);
    return offset;
  }
}
