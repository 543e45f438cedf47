import { chmodSync, closeSync, openSync, readSync, statSync, writeSync } from 'node:fs';

/** Turns one bit over in the middle of a file, whatever its mode, or where it is said. */
export function flipBit(file: string, at = Math.floor(statSync(file).size / 2)): void {
  chmodSync(file, 0o600);
  const fd = openSync(file, 'r+');
  try {
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, at);
    byte.writeUInt8(byte.readUInt8() ^ 0x10);
    writeSync(fd, byte, 0, 1, at);
  } finally {
    closeSync(fd);
  }
}
