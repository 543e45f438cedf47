import type { BlockOutput } from './block-output.js';
import { type Dirent, writeDirents } from './dirents.js';
import { chunkIndexes, direntType, extendedInodeBytes, layoutInline, roundUp, slotBytes } from './format.js';
import { type InodeTable, keptChunks, keptTar } from './inode-table.js';
import { InodePlaces, type Placement, type PlannedDirectory, placementOf, reachTree } from './layout.js';
import type { TailStore } from './tail-store.js';
import type { XattrTable } from './xattr-table.js';

export interface MetadataInput {
  readonly table: InodeTable;
  readonly root: number;
  readonly xattrs: XattrTable;
  readonly tails: TailStore;
  readonly output: BlockOutput;
  readonly blockBytes: number;
  readonly checkpoint: () => void;
}

export interface WrittenMetadata {
  readonly rootNid: number;
  readonly inodes: number;
  readonly metadataBlock: number;
  readonly hasChunks: boolean;
}

const everyInodes = 1024;

/** Writes what an image has besides the bytes of its files: blocks of directories, shared attributes, then the inodes. */
export function writeMetadata(input: MetadataInput): WrittenMetadata {
  const { table, root, xattrs, output, blockBytes, checkpoint } = input;
  const { order, links, directories } = reachTree(table, root, blockBytes, checkpoint);
  for (const inode of order) xattrs.count(table.xattrs(inode));
  xattrs.writeShared();
  output.skipTo(roundUp(output.position, blockBytes));
  const firstBlock = output.position / blockBytes;

  const places = new InodePlaces(blockBytes);
  const nids = new Uint32Array(table.count);
  /** Inodes with blocks before all inodes, in the order of those. */
  const blocks = new Map<number, number>();
  let nextBlock = firstBlock;
  let hasChunks = false;
  for (const [index, inode] of order.entries()) {
    if (index % everyInodes === 0) checkpoint();
    const placement = place(inode);
    nids[inode] = places.place(extendedInodeBytes + xattrs.sizeOf(table.xattrs(inode)), placement) / slotBytes;
    if (placement.blocks > 0) blocks.set(inode, nextBlock);
    nextBlock += placement.blocks;
    hasChunks ||= table.kept(inode) !== 0;
  }

  for (const inode of blocks.keys()) {
    checkpoint();
    const directory = directories.get(inode);
    if (directory) writeDirectory(inode, directory, 0, place(inode).blocks);
    else writeTail(inode);
    output.skipTo(roundUp(output.position, blockBytes));
  }

  const metadataStart = output.position;
  for (const [index, inode] of order.entries()) {
    if (index % everyInodes === 0) checkpoint();
    output.skipTo(metadataStart + (nids[inode] ?? 0) * slotBytes);
    writeInode(index, inode, place(inode));
  }
  output.skipTo(roundUp(output.position, blockBytes));
  return { rootNid: nids[root] ?? 0, inodes: order.length, metadataBlock: metadataStart / blockBytes, hasChunks };

  function place(inode: number): Placement {
    return placementOf(table, inode, xattrs.sizeOf(table.xattrs(inode)), directories.get(inode), blockBytes);
  }

  function writeInode(index: number, inode: number, placement: Placement): void {
    const { mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs: set } = table.get(inode);
    const xattrBytes = xattrs.sizeOf(set);
    const head = extendedInodeBytes + xattrBytes;
    const kept = table.kept(inode);
    const isMap = kept === keptChunks || kept === keptTar;
    const { buffer, offset } = output.space(isMap ? head + placement.behind : head);
    buffer.writeUInt16LE(1 | (placement.layout << 1), offset);
    buffer.writeUInt16LE(xattrBytes === 0 ? 0 : (xattrBytes - 12) / 4 + 1, offset + 2);
    buffer.writeUInt16LE(mode, offset + 4);
    writeNumber64(buffer, placement.size, offset + 8);
    buffer.writeUInt32LE(startOf(inode, placement), offset + 16);
    buffer.writeUInt32LE(index + 1, offset + 20);
    buffer.writeUInt32LE(uid, offset + 24);
    buffer.writeUInt32LE(gid, offset + 28);
    writeNumber64(buffer, mtimeSeconds, offset + 32);
    buffer.writeUInt32LE(mtimeNanoseconds, offset + 40);
    buffer.writeUInt32LE(directories.get(inode)?.links ?? links[inode] ?? 0, offset + 44);
    if (xattrBytes > 0) xattrs.write(set, buffer, offset + extendedInodeBytes);
    if (kept === keptChunks) writeMap(inode, buffer, offset + head);
    else if (kept === keptTar) writeTarIndex(inode, buffer, offset + head + (head % 8));
    if (placement.layout !== layoutInline) return;
    const directory = directories.get(inode);
    if (directory) writeDirectory(inode, directory, placement.blocks, placement.blocks + 1);
    else writeTail(inode);
  }

  /** The word that is an address, a device or the form of the chunks. */
  function startOf(inode: number, placement: Placement): number {
    const kept = table.kept(inode);
    if (kept === keptChunks) return table.map(inode).chunkBits;
    if (kept === keptTar) return chunkIndexes | tarChunkBits(table.size(inode), blockBytes);
    if (placement.blocks > 0) return blocks.get(inode) ?? 0;
    return directories.has(inode) ? 0 : table.start(inode);
  }

  function writeMap(inode: number, buffer: Buffer, offset: number): void {
    let at = offset;
    for (const start of table.map(inode).starts) at = buffer.writeUInt32LE(start, at);
  }

  /** One chunk, whatever the file's size: the address's upper part, device 1, and the lower part. */
  function writeTarIndex(inode: number, buffer: Buffer, offset: number): void {
    buffer.writeUInt16LE(1, offset + 2);
    buffer.writeUInt32LE(table.start(inode), offset + 4);
  }

  function writeTail(inode: number): void {
    const size = table.size(inode);
    const bytes = input.tails.bytes(table.tail(inode), size % blockBytes);
    output.write(bytes, 0, bytes.length);
  }

  function writeDirectory(inode: number, directory: PlannedDirectory, from: number, to: number): void {
    const children = table.children(inode);
    for (let block = from; block < to; block++) {
      const first = directory.firsts[block] ?? 0;
      const last = directory.firsts[block + 1] ?? first;
      const entries: Dirent[] = [];
      let bytes = 0;
      for (let index = first; index < last; index++) {
        const name = directory.names[index] ?? '';
        const child = children.get(name) ?? (name === '..' ? directory.parent : inode);
        entries.push({ name, nid: nids[child] ?? 0, type: direntType(table.mode(child)) });
        bytes += 12 + name.length;
      }
      const isLast = block === directory.firsts.length - 2;
      const { buffer, offset } = output.space(isLast ? bytes : blockBytes);
      writeDirents(buffer, offset, entries);
    }
  }
}

/** Chunks so large that the file is one. */
function tarChunkBits(size: number, blockBytes: number): number {
  let bits = 0;
  while (blockBytes * 2 ** bits < size) bits++;
  return bits;
}

/** As 64 bits; negative ones as two's complement. */
function writeNumber64(buffer: Buffer, value: number, offset: number): void {
  const low = ((value % 2 ** 32) + 2 ** 32) % 2 ** 32;
  buffer.writeUInt32LE(low, offset);
  buffer.writeInt32LE(Math.floor(value / 2 ** 32) | 0, offset + 4);
}
