/** The smallest EROFS image with one file "hello": superblock in block 0, two inodes with their data inline in block 1. */
export function erofsImage(content: string): Buffer {
  const image = Buffer.alloc(8192);
  image.writeUInt32LE(0xe0f5e1e2, 1024);
  image.writeUInt8(12, 1024 + 12);
  image.writeBigUInt64LE(2n, 1024 + 16);
  image.writeUInt32LE(2, 1024 + 36);
  image.writeUInt32LE(1, 1024 + 40);
  const names = ['.', '..', 'hello'];
  const size = names.length * 12 + names.join('').length;
  inode(image, 4096, 0o40755, size, 2);
  let name = names.length * 12;
  names.forEach((text, i) => {
    const entry = 4096 + 64 + i * 12;
    image.writeBigUInt64LE(text === 'hello' ? 4n : 0n, entry);
    image.writeUInt16LE(name, entry + 8);
    image.writeUInt8(text === 'hello' ? 1 : 2, entry + 10);
    name += image.write(text, 4096 + 64 + name);
  });
  inode(image, 4096 + 4 * 32, 0o100644, content.length, 1);
  image.write(content, 4096 + 4 * 32 + 64);
  return image;
}

/** Extended (64 bytes), data inline. */
function inode(image: Buffer, at: number, mode: number, size: number, links: number): void {
  image.writeUInt16LE(1 | (2 << 1), at);
  image.writeUInt16LE(mode, at + 4);
  image.writeBigUInt64LE(BigInt(size), at + 8);
  image.writeUInt32LE(links, at + 44);
}
