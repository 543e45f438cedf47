import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** GUID Partition Table (UEFI specification, chapter 5), on a disk whose only other content is the partitions, one after the other. */
export const sectorBytes = 512;

const entryBytes = 128;
const minEntries = 128;
/** Where the first partition begins: 1 MiB, as everywhere. */
const firstSector = 2048;
const headerBytes = 92;
/** "Linux filesystem data", 0FC63DAF-8483-4772-8E79-3D69D8477DE4, in the byte order of the disk. */
const linuxData = Buffer.from('af3dc60f838472478e793d69d8477de4', 'hex');

/** What is before and behind the partitions of so many sectors. The same sizes give the same bytes. */
export function partitionTable(sizes: readonly number[]): { readonly head: Buffer; readonly tail: Buffer } {
  const count = Math.max(minEntries, sizes.length);
  const entries = Buffer.alloc(Math.ceil((count * entryBytes) / 4096) * 4096);
  const seed = sizes.join(' ');
  let next = firstSector;
  for (const [index, size] of sizes.entries()) {
    const at = index * entryBytes;
    linuxData.copy(entries, at);
    guid(`partition ${index} of ${seed}`).copy(entries, at + 16);
    entries.writeBigUInt64LE(BigInt(next), at + 32);
    entries.writeBigUInt64LE(BigInt(next + size - 1), at + 40);
    next += size;
  }
  const entrySectors = entries.length / sectorBytes;
  // Whole blocks of 4 KiB, so that the disk is too.
  const tail = Buffer.alloc(entries.length + 4096);
  const last = next + tail.length / sectorBytes - 1;
  const table = { entries, count: entries.length / entryBytes, lastUsable: next - 1, disk: guid(`disk of ${seed}`) };
  const head = Buffer.alloc(firstSector * sectorBytes);
  protectiveRecord(last).copy(head);
  header({ ...table, own: 1, other: last, entriesAt: 2 }).copy(head, sectorBytes);
  entries.copy(head, 2 * sectorBytes);
  const backupAt = last - entrySectors;
  entries.copy(tail, (backupAt - next) * sectorBytes);
  header({ ...table, own: last, other: 1, entriesAt: backupAt }).copy(tail, tail.length - sectorBytes);
  return { head, tail };
}

interface Table {
  readonly entries: Buffer;
  readonly count: number;
  readonly lastUsable: number;
  readonly disk: Buffer;
  readonly own: number;
  readonly other: number;
  readonly entriesAt: number;
}

function header({ entries, count, lastUsable, disk, own, other, entriesAt }: Table): Buffer {
  const bytes = Buffer.alloc(sectorBytes);
  bytes.write('EFI PART', 0, 'latin1');
  bytes.writeUInt32LE(0x10000, 8);
  bytes.writeUInt32LE(headerBytes, 12);
  bytes.writeBigUInt64LE(BigInt(own), 24);
  bytes.writeBigUInt64LE(BigInt(other), 32);
  bytes.writeBigUInt64LE(BigInt(firstSector), 40);
  bytes.writeBigUInt64LE(BigInt(lastUsable), 48);
  disk.copy(bytes, 56);
  bytes.writeBigUInt64LE(BigInt(entriesAt), 72);
  bytes.writeUInt32LE(count, 80);
  bytes.writeUInt32LE(entryBytes, 84);
  bytes.writeUInt32LE(crc32(entries), 88);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, headerBytes)), 16);
  return bytes;
}

/** Who knows no GUID tables sees one partition that fills the disk. */
function protectiveRecord(last: number): Buffer {
  const bytes = Buffer.alloc(sectorBytes);
  bytes.set([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff], 446);
  bytes.writeUInt32LE(1, 454);
  bytes.writeUInt32LE(Math.min(last, 0xffffffff), 458);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}

/** Random ones would make a new disk of the same layers at each start. */
function guid(name: string): Buffer {
  const bytes = createHash('sha256').update(name).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(7) & 0x0f) | 0x40, 7);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes;
}
