import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createErofsImage, type ErofsImageWriter, openErofsImage, resumeErofsImage } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { expect, test } from 'vitest';
import { fsck, ImageFolder } from './erofs-folder.js';
import { listByKernel, listByReader } from './erofs-listing.js';
import { plain, putFile, write } from './erofs-written.js';

test('a file of a terabyte with a byte at its end', () => {
  using folder = new ImageFolder();
  const size = 2 ** 40;
  const written = write(folder, (writer) => {
    writer.beginFile(size);
    writer.writeFile(Buffer.from('x'), 0, 1, size - 1);
    writer.makeFile(writer.root, 'f', plain, writer.endFile());
  });
  expect(statSync(written.file).blocks * 512).toBeLessThan(2_000_000);
  const mount = linux.mountDetached([{ kind: 'erofs', source: written.file }]);
  const path = `/proc/self/fd/${mount}/f`;
  expect(statSync(path).size).toBe(size);
  const fd = openSync(written.file, 'r');
  const image = openErofsImage(fd, { name: 'image' });
  const nid = image.lookUp(image.root, 'f')?.nid ?? 0;
  const end = Buffer.alloc(10);
  expect(image.read(nid, end, size - 5)).toBe(5);
  expect(end.toString('latin1', 0, 5)).toBe('\0\0\0\0x');
  closeSync(fd);
  closeSync(mount);
});

test('a file of 5 GiB without holes, of which the image has them', () => {
  using folder = new ImageFolder();
  const size = 5 * 2 ** 30 + 17;
  const step = 64 << 20;
  const written = write(folder, (writer) => {
    writer.beginFile(size);
    for (let at = 0; at < size; at += step) writer.writeFile(Buffer.from('x'), 0, 1, at);
    writer.makeFile(writer.root, 'f', plain, writer.endFile());
  });
  const mount = linux.mountDetached([{ kind: 'erofs', source: written.file }]);
  const fd = openSync(`/proc/self/fd/${mount}/f`, 'r');
  const bytes = [...linux.dataRanges(fd, size)].length;
  expect(bytes).toBeGreaterThan(0);
  closeSync(fd);
  closeSync(mount);
  const reader = openSync(written.file, 'r');
  const image = openErofsImage(reader, { name: 'image' });
  const nid = image.lookUp(image.root, 'f')?.nid ?? 0;
  const found = Buffer.alloc(3);
  for (let at = 0; at < size; at += step) {
    image.read(nid, found, at);
    expect(found.toString('latin1')).toBe('x\0\0');
  }
  closeSync(reader);
});

test('a file larger than the machines of today is refused', () => {
  using folder = new ImageFolder();
  const begin = (writer: ErofsImageWriter): void => writer.beginFile(2 ** 44);
  expect(() => write(folder, begin)).toThrow(expect.objectContaining({ code: 'EROFS_TOO_LARGE', kind: 'resource-exhausted' }));
});

test('block maps of holes may not take all of the disk', () => {
  using folder = new ImageFolder();
  const holes = (writer: ErofsImageWriter): void => {
    for (let index = 0; index < 2000; index++) {
      writer.beginFile(2 ** 42);
      writer.makeFile(writer.root, `f${index}`, plain, writer.endFile());
    }
  };
  expect(() => write(folder, holes)).toThrow(expect.objectContaining({ code: 'EROFS_TOO_LARGE' }));
});

test('tails beyond what is kept in memory have blocks of their own', () => {
  using folder = new ImageFolder();
  const written = write(folder, (writer) => {
    for (let index = 0; index < 40_000; index++) putFile(writer, `f${index}`, Buffer.alloc(2000, `${index} `));
  });
  fsck(written.file);
  // Some 33,500 of them are kept, the rest has a block each.
  expect(written.bytes).toBeGreaterThan(6000 * 4096 + 33_000 * 2064);
  const fd = openSync(written.file, 'r');
  const image = openErofsImage(fd, { name: 'image' });
  const found = Buffer.alloc(2000);
  for (const index of [0, 1, 33_000, 34_000, 39_999]) {
    image.read(image.lookUp(image.root, `f${index}`)?.nid ?? 0, found, 0);
    expect(found.equals(Buffer.alloc(2000, `${index} `))).toBe(true);
  }
  closeSync(fd);
});

test('an index of a tar archive refers to it, and to nothing else', () => {
  using folder = new ImageFolder();
  const content = Buffer.from('content '.repeat(1000));
  const tar = Buffer.concat([Buffer.alloc(512, 'h'), content, Buffer.alloc(1024)]);
  writeFileSync(folder.path('tar'), tar);
  const fill = (writer: ErofsImageWriter): unknown =>
    writer.makeFile(writer.root, 'f', plain, writer.tarData(512, content.length));
  expect(() => write(folder, fill, 'tar-index', content.length)).toThrow('a tar archive of 8000 bytes for files up to byte 8512');
  const written = write(folder, fill, 'tar-index', tar.length);
  expect(written.bytes).toBeLessThan(4096);
  expect(listByKernel(written.file, [folder.path('tar')])).toEqual(listByReader(written.file, [folder.path('tar')]));
  const fd = openSync(written.file, 'r');
  const alone = openErofsImage(fd, { name: 'index' });
  expect(alone.form).toBe('tar-index');
  expect(() => alone.read(alone.lookUp(alone.root, 'f')?.nid ?? 0, Buffer.alloc(1), 0)).toThrow(
    expect.objectContaining({ code: 'EROFS_DEVICE_MISSING' }),
  );
  closeSync(fd);
});

test('only what was put aside can be gone on with', () => {
  using folder = new ImageFolder();
  const { file } = write(folder, () => undefined);
  const fd = openSync(file, 'r+');
  expect(() => resumeErofsImage(fd)).toThrow(expect.objectContaining({ code: 'EROFS_IMAGE_INVALID' }));
  closeSync(fd);
  const aside = openSync(file, 'w+');
  createErofsImage(aside, { form: 'flat', root: plain }).suspend();
  expect(() => openErofsImage(aside, { name: 'x' })).toThrow(expect.objectContaining({ code: 'EROFS_IMAGE_INVALID' }));
  const damaged = readFileSync(file);
  damaged[damaged.length - 3] = (damaged[damaged.length - 3] ?? 0) ^ 1;
  writeFileSync(file, damaged);
  const again = openSync(file, 'r+');
  expect(() => resumeErofsImage(again)).toThrow('its checksum is wrong');
  writeFileSync(file, damaged.subarray(0, -1));
  expect(() => resumeErofsImage(again)).toThrow('are not what its header says');
  for (const open of [aside, again]) closeSync(open);
});
