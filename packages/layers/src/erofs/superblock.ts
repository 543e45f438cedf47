import { crc32c } from './crc32c.js';
import {
  compatChecksum,
  compatMtime,
  deviceSlotBytes,
  incompatChunks,
  incompatDevices,
  superblockBytes,
  superblockMagic,
  superblockOffset,
} from './format.js';

export interface SuperblockFields {
  readonly blockBits: number;
  readonly rootNid: number;
  readonly inodes: number;
  readonly blocks: number;
  readonly metadataBlock: number;
  readonly uuid: Uint8Array;
  readonly hasChunks: boolean;
  /** Of the one extra device; undefined when there is none. */
  readonly deviceBlocks: number | undefined;
}

/** How many bytes from the start of an image belong to the superblock. */
export function superblockArea(blockBytes: number, hasDevice: boolean): number {
  const end = superblockOffset + superblockBytes + (hasDevice ? deviceSlotBytes : 0);
  return Math.ceil(end / blockBytes) * blockBytes;
}

/** The block with the superblock, or its rest where the block begins before it: what goes to `superblockOffset`. */
export function encodeSuperblock(fields: SuperblockFields): Buffer {
  const blockBytes = 1 << fields.blockBits;
  const block = Buffer.alloc(blockBytes > superblockOffset ? blockBytes - superblockOffset : blockBytes);
  const hasDevice = fields.deviceBlocks !== undefined;
  block.writeUInt32LE(superblockMagic, 0);
  block.writeUInt32LE(compatChecksum | compatMtime, 8);
  block[12] = fields.blockBits;
  block.writeUInt16LE(fields.rootNid, 14);
  block.writeBigUInt64LE(BigInt(fields.inodes), 16);
  block.writeUInt32LE(fields.blocks, 36);
  block.writeUInt32LE(fields.metadataBlock, 40);
  block.set(fields.uuid, 48);
  block.writeUInt32LE((fields.hasChunks ? incompatChunks : 0) | (hasDevice ? incompatDevices : 0), 80);
  if (fields.deviceBlocks !== undefined) {
    const slot = superblockOffset + superblockBytes;
    block.writeUInt16LE(1, 86);
    block.writeUInt16LE(slot / deviceSlotBytes, 88);
    block.writeUInt32LE(fields.deviceBlocks, superblockBytes + 64);
  }
  block.writeUInt32LE(crc32c(block), 4);
  return block;
}
