import { closeSync, openSync, readSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const headerBytes = 64;
const segmentBytes = 56;
const loadAt = 0x100_0000;
const types = { load: 1, note: 4 } as const;
/** XEN_ELFNOTE_PHYS32_ENTRY: where PVH enters. */
const entryNote = 18;

/**
 * In the place of the kernel of a clone, which has its own in its memory: QEMU wants one for the devices that it makes for it, and would keep all 50 MB of it. Where the kernel is no ELF file those
 * devices are others, and it stays.
 */
export function stubKernel(kernel: string, folder: string): string {
  if (!isElf(kernel)) return kernel;
  const file = path.join(folder, 'kernel.stub');
  writeFileSync(file, stub(), { mode: 0o644 });
  return file;
}

function isElf(file: string): boolean {
  const magic = Buffer.alloc(4);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, magic, 0, magic.length, 0);
    return magic.toString('latin1') === '\x7fELF';
  } finally {
    closeSync(fd);
  }
}

/** An ELF file for x86-64 with a segment of one instruction (hlt) that nobody comes to, and the note of its address. */
function stub(): Buffer {
  const note = Buffer.alloc(24);
  note.writeUInt32LE(4, 0);
  note.writeUInt32LE(8, 4);
  note.writeUInt32LE(entryNote, 8);
  note.write('Xen', 12, 'latin1');
  note.writeUInt32LE(loadAt, 16);
  const code = Buffer.alloc(16, 0xf4);
  const noteAt = headerBytes + 2 * segmentBytes;
  const header = Buffer.alloc(headerBytes);
  header.write('\x7fELF', 0, 'latin1');
  header.set([2, 1, 1], 4);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(62, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(loadAt), 24);
  header.writeBigUInt64LE(BigInt(headerBytes), 32);
  header.writeUInt16LE(headerBytes, 52);
  header.writeUInt16LE(segmentBytes, 54);
  header.writeUInt16LE(2, 56);
  const load = segment(types.load, noteAt + note.length, code.length, loadAt);
  return Buffer.concat([header, load, segment(types.note, noteAt, note.length, 0), note, code]);
}

function segment(type: number, offset: number, size: number, address: number): Buffer {
  const bytes = Buffer.alloc(segmentBytes);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(5, 4);
  bytes.writeBigUInt64LE(BigInt(offset), 8);
  bytes.writeBigUInt64LE(BigInt(address), 16);
  bytes.writeBigUInt64LE(BigInt(address), 24);
  bytes.writeBigUInt64LE(BigInt(size), 32);
  bytes.writeBigUInt64LE(BigInt(size), 40);
  bytes.writeBigUInt64LE(4n, 48);
  return bytes;
}
