import { closeSync, openSync, statSync } from 'node:fs';
import { createErofsImage, type ErofsImageWriter, openErofsImage } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { expect, test } from 'vitest';
import { fsck, ImageFolder } from './erofs-folder.js';
import { plain, putFile, seen, write } from './erofs-written.js';

test('an empty tree', () => {
  using folder = new ImageFolder();
  const items = seen(write(folder, () => undefined));
  expect(items).toEqual({ '.': { type: 'directory', mode: '755', owner: '0:0', mtime: 0n, links: 2, xattrs: {} } });
});

test('names of 1 and of 255 bytes, of any bytes', () => {
  using folder = new ImageFolder();
  const names = ['\x01', '\xff'.repeat(255), 'x'.repeat(255), '\n', ' ', '...', '!'];
  const items = seen(
    write(folder, (writer) => {
      for (const name of names) putFile(writer, name, Buffer.from('x'));
    }),
  );
  expect(Object.keys(items)).toEqual(['.', ...names.toSorted()]);
});

test.each(['', '.', '..', 'a/b', 'a\0', 'x'.repeat(256)])('the name %j is refused', (name) => {
  using folder = new ImageFolder();
  const make = (writer: ErofsImageWriter): unknown => writer.makeDirectory(writer.root, name, plain);
  expect(() => write(folder, make)).toThrow(expect.objectContaining({ code: 'EROFS_CANNOT_HOLD', kind: 'invalid-argument' }));
});

test('a directory of 100,000 names', () => {
  using folder = new ImageFolder();
  const written = write(folder, (writer) => {
    const many = writer.makeDirectory(writer.root, 'many', plain);
    for (let index = 0; index < 100_000; index++) writer.makeFile(many, `a-name-${index}`, plain, { kind: 'empty' });
  });
  fsck(written.file);
  const mount = linux.mountDetached([{ kind: 'erofs', source: written.file }]);
  const fd = openSync(written.file, 'r');
  const image = openErofsImage(fd, { name: 'image' });
  const many = image.lookUp(image.root, 'many')?.nid ?? 0;
  for (const index of [0, 1, 500, 9999, 99_999]) {
    const nid = image.lookUp(many, `a-name-${index}`)?.nid;
    expect(BigInt(nid ?? 0)).toBe(statSync(`/proc/self/fd/${mount}/many/a-name-${index}`, { bigint: true }).ino);
  }
  expect(image.lookUp(many, 'a-name-100000')).toBeUndefined();
  expect([...image.entries(many)].length).toBe(100_000);
  expect(image.inodes).toBe(100_002);
  closeSync(fd);
  closeSync(mount);
});

test.each(['', 't'.repeat(4096), 'a\0b'])('a link target that Linux cannot have is refused', (target) => {
  using folder = new ImageFolder();
  const make = (writer: ErofsImageWriter): unknown => writer.makeSymlink(writer.root, 'l', plain, target);
  expect(() => write(folder, make)).toThrow(expect.objectContaining({ code: 'EROFS_CANNOT_HOLD' }));
});

test('device numbers as large as the format has them, and no larger', () => {
  using folder = new ImageFolder();
  const device = (major: number, minor: number) => (writer: ErofsImageWriter) =>
    writer.makeSpecial(writer.root, 'd', plain, { type: 'block', major, minor });
  expect(seen(write(folder, device(0xfff, 0xfffff)))['d']?.content).toBe('4095:1048575');
  expect(() => write(folder, device(0x1000, 0))).toThrow(expect.objectContaining({ code: 'EROFS_CANNOT_HOLD' }));
  expect(() => write(folder, device(0, 0x100000))).toThrow(expect.objectContaining({ code: 'EROFS_CANNOT_HOLD' }));
});

test('times to the nanosecond, before 1970 and after 2106; owners over 65,535', () => {
  using folder = new ImageFolder();
  const times = [-(2 ** 40), -1, 0, 2 ** 31, 2 ** 33, 2 ** 40];
  const written = write(folder, (writer) => {
    for (const mtimeSeconds of times)
      putFile(writer, `t${mtimeSeconds}`, Buffer.alloc(0), {
        ...plain,
        mtimeSeconds,
        mtimeNanoseconds: 999_999_999,
        uid: 2 ** 32 - 2,
      });
  });
  const items = seen(written);
  for (const seconds of times) {
    expect(items[`t${seconds}`]?.mtime).toBe(BigInt(seconds) * 1_000_000_000n + 999_999_999n);
    expect(items[`t${seconds}`]?.owner).toBe('4294967294:0');
  }
});

test('the identity decides the UUID, and so does the tree', () => {
  using folder = new ImageFolder();
  const uuid = (identity: string, name: string): string => {
    const fd = openSync(folder.path('x'), 'w+');
    const writer = createErofsImage(fd, { form: 'flat', root: plain, identity });
    putFile(writer, name, Buffer.from('x'));
    writer.finish();
    const found = openErofsImage(fd, { name: 'x' }).uuid;
    closeSync(fd);
    return found;
  };
  expect(uuid('a', 'f')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set([uuid('a', 'f'), uuid('b', 'f'), uuid('a', 'g'), uuid('a', 'f')]).size).toBe(3);
});

test.each([-1, 2 ** 32 - 1, 2 ** 40])('the owner %i is refused', (uid) => {
  using folder = new ImageFolder();
  const make = (writer: ErofsImageWriter): unknown => writer.makeDirectory(writer.root, 'd', { ...plain, uid });
  expect(() => write(folder, make)).toThrow(expect.objectContaining({ code: 'EROFS_CANNOT_HOLD' }));
});
