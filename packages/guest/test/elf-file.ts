/** A 64-bit ELF file with one segment of notes: with the entry point for PVH, or with another. */
export function elfWithNote(kind: number, size = 4096): Buffer {
  const file = Buffer.alloc(size);
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(4, 64);
  file.writeBigUInt64LE(128n, 64 + 8);
  file.writeBigUInt64LE(40n, 64 + 32);
  const notes = [note('GNU\0', 1, 'abc'), note('Xen\0', kind, '\0\0\0\x01')];
  Buffer.concat(notes).copy(file, 128);
  return file;
}

function note(name: string, type: number, value: string): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(name.length, 0);
  header.writeUInt32LE(value.length, 4);
  header.writeUInt32LE(type, 8);
  return Buffer.concat([header, Buffer.from(name.padEnd(4, '\0'), 'latin1'), Buffer.from(value.padEnd(4, '\0'), 'latin1')]);
}

/** A bzImage around a payload, which is ended by the length that it has when it is expanded. */
export function bzImage(compressed: Buffer, expanded: number, release = '6.1.0-test'): Buffer {
  const setup = Buffer.alloc(3 * 512);
  setup[0x1f1] = 2;
  setup.writeUInt16LE(0xaa55, 0x1fe);
  setup.write('HdrS', 0x202);
  setup.writeUInt16LE(0x20f, 0x206);
  setup.writeUInt16LE(0x300 - 0x200, 0x20e);
  setup.write(`${release} (someone) #1\0`, 0x300);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(expanded);
  setup.writeUInt32LE(16, 0x248);
  setup.writeUInt32LE(compressed.length + 4, 0x24c);
  return Buffer.concat([setup, Buffer.alloc(16), compressed, length, Buffer.alloc(100)]);
}
