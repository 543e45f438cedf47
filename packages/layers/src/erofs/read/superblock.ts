import { crc32c } from '../crc32c.js';
import {
  compatChecksum,
  deviceSlotBytes,
  incompatChunks,
  incompatDevices,
  incompatPadding,
  superblockBytes,
  superblockMagic,
  superblockOffset,
} from '../format.js';
import type { ImageBytes } from './image-bytes.js';

export interface Superblock {
  readonly blockBits: number;
  readonly rootNid: number;
  readonly inodes: number;
  readonly blocks: number;
  /** Byte offsets. */
  readonly metadataStart: number;
  readonly sharedXattrs: number;
  readonly uuid: string;
  /** The time of compact inodes, which have none of their own. */
  readonly epoch: number;
  readonly nanoseconds: number;
  readonly devices: readonly { readonly blocks: number }[];
}

const knownFeatures = incompatPadding | incompatChunks | incompatDevices;
const mostBlockBits = 16;
const leastBlockBits = 9;
const mostDevices = 64;

/** Reads and checks the superblock; from then on nothing outside of its blocks is read. */
export function readSuperblock(image: ImageBytes): Superblock {
  const bytes = image.at(superblockOffset, superblockBytes, 'the superblock');
  if (bytes.readUInt32LE(0) !== superblockMagic) throw image.invalid('it is none: its magic number is wrong');
  const blockBits = bytes[12] ?? 0;
  if (blockBits < leastBlockBits || blockBits > mostBlockBits)
    throw image.invalid(`found blocks of 2 ** ${blockBits} bytes, expected 2 ** ${leastBlockBits} to 2 ** ${mostBlockBits}`);
  const features = bytes.readUInt32LE(80);
  if ((features & ~knownFeatures) !== 0)
    throw image.error(
      'EROFS_FEATURE_UNSUPPORTED',
      `it needs features 0x${features.toString(16)}, known are 0x${knownFeatures.toString(16)}`,
    );
  if (bytes[90] !== 0) throw image.error('EROFS_FEATURE_UNSUPPORTED', 'its directories have blocks larger than its own');
  if ((bytes[13] ?? 0) !== 0) throw image.error('EROFS_FEATURE_UNSUPPORTED', 'its superblock is longer than is known');
  if ((bytes.readUInt32LE(8) & compatChecksum) !== 0) checkSum(image, 2 ** blockBits);

  const blockBytes = 2 ** blockBits;
  const blocks = bytes.readUInt32LE(36);
  if (blocks * blockBytes > image.size)
    throw image.invalid(`found ${image.size} bytes, expected ${blocks} blocks of ${blockBytes}: it is cut short`);
  const superblock = {
    blockBits,
    rootNid: bytes.readUInt16LE(14),
    inodes: safeNumber(image, bytes.readBigUInt64LE(16), 'the number of inodes'),
    blocks,
    metadataStart: bytes.readUInt32LE(40) * blockBytes,
    sharedXattrs: bytes.readUInt32LE(44) * blockBytes,
    uuid: formatUuid(bytes.toString('hex', 48, 64)),
    epoch: safeNumber(image, bytes.readBigInt64LE(24), 'its time'),
    nanoseconds: bytes.readUInt32LE(32),
    devices: (features & incompatDevices) === 0 ? [] : readDevices(image, bytes.readUInt16LE(86), bytes.readUInt16LE(88)),
  };
  image.size = blocks * blockBytes;
  return superblock;
}

function checkSum(image: ImageBytes, blockBytes: number): void {
  const length = blockBytes > superblockOffset ? blockBytes - superblockOffset : blockBytes;
  const block = Buffer.from(image.at(superblockOffset, length, "the superblock's block"));
  const expected = block.readUInt32LE(4);
  block.writeUInt32LE(0, 4);
  const found = crc32c(block);
  if (found !== expected)
    throw image.invalid(`the superblock's checksum is 0x${found.toString(16)}, expected 0x${expected.toString(16)}`);
}

function readDevices(image: ImageBytes, count: number, slot: number): { readonly blocks: number }[] {
  if (count > mostDevices)
    throw image.error('EROFS_FEATURE_UNSUPPORTED', `it has ${count} devices, at most ${mostDevices} are supported`);
  const table = image.at(slot * deviceSlotBytes, count * deviceSlotBytes, 'the table of devices');
  return Array.from({ length: count }, (_, index) => ({ blocks: table.readUInt32LE(index * deviceSlotBytes + 64) }));
}

/** A number of 64 bits that does not lose any here. */
export function safeNumber(image: ImageBytes, value: bigint, what: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw image.invalid(`${what} is ${value}, which is out of all bounds`);
  return number;
}

function formatUuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
