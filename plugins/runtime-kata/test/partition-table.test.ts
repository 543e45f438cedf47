import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { partitionTable, sectorBytes } from '../dist/qemu/partition-table.js';

/** Where a copy of the table says that partitions are, when its checksums are right. */
function partitionsOf(disk: Buffer, headerAt: number): readonly (readonly [first: bigint, last: bigint])[] {
  const header = disk.subarray(headerAt, headerAt + 92);
  expect(header.toString('latin1', 0, 8)).toBe('EFI PART');
  expect(header.readBigUInt64LE(24)).toBe(BigInt(headerAt / sectorBytes));
  const blank = Buffer.from(header);
  blank.writeUInt32LE(0, 16);
  expect(header.readUInt32LE(16)).toBe(crc32(blank));
  const at = Number(header.readBigUInt64LE(72)) * sectorBytes;
  const entries = disk.subarray(at, at + header.readUInt32LE(80) * header.readUInt32LE(84));
  expect(header.readUInt32LE(88)).toBe(crc32(entries));
  const found: (readonly [bigint, bigint])[] = [];
  for (let entry = 0; entry < entries.length && entries.readUInt32LE(entry) !== 0; entry += 128)
    found.push([entries.readBigUInt64LE(entry + 32), entries.readBigUInt64LE(entry + 40)]);
  return found;
}

test('both copies of the table say where each file is, and nothing is beyond the end of the disk', () => {
  for (const sizes of [[8], [8, 24, 8], Array.from({ length: 128 }, (_, index) => 8 * (index + 1))]) {
    const { head, tail } = partitionTable(sizes);
    const body = Buffer.alloc(sizes.reduce((sum, size) => sum + size, 0) * sectorBytes);
    const disk = Buffer.concat([head, body, tail]);
    expect(disk.length % 4096).toBe(0);
    let next = BigInt(head.length / sectorBytes);
    const expected = sizes.map((size) => {
      const first = next;
      next += BigInt(size);
      return [first, next - 1n];
    });
    for (const headerAt of [sectorBytes, disk.length - sectorBytes]) expect(partitionsOf(disk, headerAt)).toEqual(expected);
    // Whoever knows no such tables takes the whole disk for used.
    expect(disk.readUInt16LE(510)).toBe(0xaa55);
    expect(disk.readUInt32LE(458)).toBe(disk.length / sectorBytes - 1);
  }
});

test('the same layers make the same disk', () => {
  expect(partitionTable([8, 16]).head.equals(partitionTable([8, 16]).head)).toBe(true);
  expect(partitionTable([8, 16]).head.equals(partitionTable([16, 8]).head)).toBe(false);
});
