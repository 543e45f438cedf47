import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createErofsImage, type ErofsImage, type ErofsNid, openErofsImage } from '@slipway/layers';
import { isSlipwayError } from '@slipway/plugin-api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ImageFolder } from './erofs-folder.js';
import { forms, Model, type ModelAttributes, modelAttributes, operations } from './erofs-model.js';

const plain: ModelAttributes = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [] };

/** Asks for everything, to some depth: a damaged image may have a directory below itself. */
function readEverything(image: ErofsImage, nid: ErofsNid, depth: number): void {
  const stat = image.stat(nid);
  image.xattrs(nid);
  if (stat.type === 'symlink') image.readLink(nid);
  if (stat.type === 'file') {
    let parts = 0;
    for (const { position, size } of image.extents(nid)) {
      image.read(nid, Buffer.alloc(Math.min(size, 10_000)), position);
      if (++parts === 100) break;
    }
  }
  if (stat.type !== 'directory' || depth === 0) return;
  image.lookUp(nid, 'm');
  for (const entry of image.entries(nid)) readEverything(image, entry.nid, depth - 1);
}

/** Only what is foreseen may be thrown. */
function tryReading(file: string): void {
  const fd = openSync(file, 'r');
  try {
    const image = openErofsImage(fd, { name: file });
    readEverything(image, image.root, 6);
  } catch (error) {
    if (!isSlipwayError(error) || !['data-loss', 'unimplemented', 'failed-precondition'].includes(error.kind)) throw error;
    expect(error.message).toContain(file);
  } finally {
    closeSync(fd);
  }
}

const damage = fc.array(
  fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1, 2, 4, 8, 127, 128, 254, 255)),
  {
    minLength: 1,
    maxLength: 20,
  },
);

test('a damaged image is read as it is, or refused: nothing else happens', () => {
  fc.assert(
    fc.property(forms, modelAttributes, operations, damage, fc.boolean(), (form, root, all, bytes, isCut) => {
      using folder = new ImageFolder();
      const file = folder.path('image');
      const fd = openSync(file, 'w+');
      const writer = createErofsImage(fd, { form, root });
      const model = new Model(writer, root);
      for (const operation of all) model.do(operation);
      writer.finish();
      closeSync(fd);
      const image = readFileSync(file);
      // Where the checksum is: off, or damage to the superblock would show nothing.
      image.writeUInt32LE(image.readUInt32LE(1024 + 8) & ~1, 1024 + 8);
      const meta = image.readUInt32LE(1024 + 40) * 2 ** (image[1024 + 12] ?? 0);
      // Half of it into the metadata, where it hurts.
      for (const [index, [where, value]] of bytes.entries()) {
        const start = index % 2 === 0 ? meta : 1024;
        image[start + Math.floor(where * (image.length - start - 1))] = value;
      }
      writeFileSync(file, isCut ? image.subarray(0, Math.floor((bytes[0]?.[0] ?? 0) * image.length)) : image);
      tryReading(file);
    }),
    { numRuns: Number(process.env['SLIPWAY_PROPERTY_RUNS'] ?? 400) },
  );
});

test('any change of the superblock shows in its checksum', () => {
  using folder = new ImageFolder();
  const file = folder.path('image');
  const fd = openSync(file, 'w+');
  createErofsImage(fd, { form: 'flat', root: plain }).finish();
  closeSync(fd);
  const whole = readFileSync(file);
  for (const at of [1024 + 5, 1024 + 16, 1024 + 36, 1024 + 60, 4095]) {
    const image = Buffer.from(whole);
    image[at] = (image[at] ?? 0) ^ 1;
    writeFileSync(file, image);
    const open = openSync(file, 'r');
    expect(() => openErofsImage(open, { name: 'x' })).toThrow('EROFS image "x": the superblock\'s checksum is');
    closeSync(open);
  }
});

/** An image of one directory `d` with a file, and where things are in it. */
function sample(folder: ImageFolder): {
  readonly file: string;
  readonly bytes: Buffer;
  readonly inodeAt: (nid: number) => number;
} {
  const file = folder.path('image');
  const fd = openSync(file, 'w+');
  const writer = createErofsImage(fd, { form: 'flat', root: plain });
  const model = new Model(writer, plain);
  model.do({ kind: 'directory', directory: 0, name: 'd', attributes: plain });
  model.do({ kind: 'file', directory: 1, name: 'f', attributes: plain, parts: [[5000, 1]], chunk: 5000 });
  model.do({ kind: 'symlink', directory: 0, name: 'l', attributes: plain, target: 'target' });
  writer.finish();
  closeSync(fd);
  const bytes = readFileSync(file);
  bytes.writeUInt32LE(bytes.readUInt32LE(1024 + 8) & ~1, 1024 + 8);
  const meta = bytes.readUInt32LE(1024 + 40) * 4096;
  return { file, bytes, inodeAt: (nid) => meta + nid * 32 };
}

function nidOf(file: string, path: string): number {
  const fd = openSync(file, 'r');
  const image = openErofsImage(fd, { name: file });
  let nid = image.root;
  for (const name of path.split('/')) nid = image.lookUp(nid, name)?.nid ?? -1;
  closeSync(fd);
  return nid;
}

test.each<[string, string, (bytes: Buffer, inode: number) => void, string]>([
  ['a file of a compressed layout', 'd/f', (bytes, at) => bytes.writeUInt16LE(1 | (3 << 1), at), 'is compressed'],
  ['a file outside of the image', 'd/f', (bytes, at) => bytes.writeUInt32LE(1_000_000, at + 16), 'is outside of the image'],
  ['a file of 2 ** 63 bytes', 'd/f', (bytes, at) => bytes.writeBigUInt64LE(2n ** 63n, at + 8), 'out of all bounds'],
  ['a file of a terabyte', 'd/f', (bytes, at) => bytes.writeBigUInt64LE(2n ** 40n, at + 8), 'is outside of the image'],
  ['a type that does not exist', 'd/f', (bytes, at) => bytes.writeUInt16LE(0o050644, at + 4), 'of no type'],
  ['attributes without an end', 'd/f', (bytes, at) => bytes.writeUInt16LE(0xffff, at + 2), 'is outside of the image'],
  ['a link of nothing', 'l', (bytes, at) => bytes.writeBigUInt64LE(0n, at + 8), 'expected 1 to 4095'],
  ['a time with too many nanoseconds', 'd/f', (bytes, at) => bytes.writeUInt32LE(1e9, at + 40), 'nanoseconds'],
  ['a directory of garbage', 'd', (bytes, at) => bytes.writeUInt16LE(7, at + 64 + 8), 'names from byte 7 on'],
  ['a name out of its block', 'd', (bytes, at) => bytes.writeUInt16LE(4000, at + 64 + 12 + 8), 'outside of its block'],
  ['names out of order', 'd', (bytes, at) => bytes.write('z', at + 64 + 36, 'latin1'), 'not in order'],
  ['a name with a slash', 'd', (bytes, at) => bytes.write('/', at + 64 + 39, 'latin1'), 'cannot be one'],
  ['an entry of no type', 'd', (bytes, at) => bytes.fill(9, at + 64 + 34, at + 64 + 35), 'of type 9'],
  ['an inode out of all bounds', 'd', (bytes, at) => bytes.writeBigUInt64LE(2n ** 60n, at + 64 + 24), 'out of all bounds'],
])('%s is refused', (_, path, spoil, problem) => {
  using folder = new ImageFolder();
  const { file, bytes, inodeAt } = sample(folder);
  spoil(bytes, inodeAt(nidOf(file, path)));
  writeFileSync(file, bytes);
  const fd = openSync(file, 'r');
  const image = openErofsImage(fd, { name: file });
  expect(() => readEverything(image, image.root, 6)).toThrow(problem);
  closeSync(fd);
});

test('a directory that has itself below it is a directory like others: who walks counts', () => {
  using folder = new ImageFolder();
  const { file, bytes, inodeAt } = sample(folder);
  const directory = nidOf(file, 'd');
  bytes.writeBigUInt64LE(BigInt(directory), inodeAt(directory) + 64 + 24);
  bytes[inodeAt(directory) + 64 + 34] = 2;
  writeFileSync(file, bytes);
  const fd = openSync(file, 'r');
  const image = openErofsImage(fd, { name: file });
  expect(image.lookUp(directory, 'f')).toEqual({ name: 'f', nid: directory, type: 'directory' });
  closeSync(fd);
});

test('no image at all, an empty file, a text', () => {
  using folder = new ImageFolder();
  for (const content of ['', 'text', 'x'.repeat(5000)]) {
    writeFileSync(folder.path('x'), content);
    const fd = openSync(folder.path('x'), 'r');
    expect(() => openErofsImage(fd, { name: 'x' })).toThrow(
      expect.objectContaining({ code: 'EROFS_IMAGE_INVALID', kind: 'data-loss' }),
    );
    closeSync(fd);
  }
});
