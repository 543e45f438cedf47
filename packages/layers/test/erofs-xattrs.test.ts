import { closeSync, openSync } from 'node:fs';
import { type ErofsImageWriter, isErofsXattr, openErofsImage } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { expect, test } from 'vitest';
import { fsck, ImageFolder } from './erofs-folder.js';
import { listByKernel, listByReader } from './erofs-listing.js';
import { putFile, seen, write, xattrs } from './erofs-written.js';

test('attributes of 65,535 bytes, of none, with NULs; the sum is over a megabyte, and every file may have it', () => {
  using folder = new ImageFolder();
  const values = Array.from({ length: 20 }, (_, index): [string, Buffer] => [`user.${index}`, Buffer.alloc(65_535, index)]);
  const attributes = xattrs(...values, ['user.empty', Buffer.alloc(0)], ['security.nul', Buffer.from('a\0b\0')]);
  const written = write(folder, (writer) => {
    for (let index = 0; index < 50; index++) putFile(writer, `f${index}`, Buffer.from('x'), attributes);
  });
  // The checker of this package's time reads attributes only up to some size: the kernel and the reader have to do.
  const items = listByKernel(written.file);
  expect(listByReader(written.file)).toEqual(items);
  expect(items['f49']?.xattrs['user.19']).toBe('\x13'.repeat(65_535));
  expect(items['f49']?.xattrs['user.1']).toBe('\x01'.repeat(65_535));
  expect(written.bytes).toBeLessThan(2_000_000);
});

test('thousands of small attributes on one file', () => {
  using folder = new ImageFolder();
  const values = Array.from({ length: 4000 }, (_, index): [string, Buffer] => [`user.n${index}`, Buffer.from(`${index}`)]);
  const written = write(folder, (writer) => putFile(writer, 'f', Buffer.from('x'), xattrs(...values)));
  const items = listByKernel(written.file);
  expect(listByReader(written.file)).toEqual(items);
  expect(Object.keys(items['f']?.xattrs ?? {}).length).toBe(4000);
});

test('more attributes of 600 bytes than an inode can share', () => {
  using folder = new ImageFolder();
  const values = Array.from({ length: 300 }, (_, index): [string, Buffer] => [`user.n${index}`, Buffer.alloc(600, index % 256)]);
  const written = write(folder, (writer) => putFile(writer, 'f', Buffer.from('x'), xattrs(...values)));
  const items = listByKernel(written.file);
  expect(listByReader(written.file)).toEqual(items);
  expect(Object.keys(items['f']?.xattrs ?? {}).length).toBe(300);
});

test('what many files have is in the image once', () => {
  using folder = new ImageFolder();
  const label = Buffer.alloc(400, 'label');
  const written = write(folder, (writer) => {
    for (let index = 0; index < 1000; index++)
      putFile(writer, `f${index}`, Buffer.from('x'), xattrs(['security.selinux', label]));
  });
  expect(seen(written)['f999']?.xattrs).toEqual({ 'security.selinux': label.toString() });
  expect(written.bytes).toBeLessThan(200_000);
});

test.each<[string, Buffer]>([
  ['user.', Buffer.from('x')],
  ['btrfs.compression', Buffer.from('zstd')],
  ['system.nfs4_acl', Buffer.from('x')],
  ['noprefix', Buffer.from('x')],
  ['user.large', Buffer.alloc(65_536)],
])('the attribute %s is refused', (name, value) => {
  using folder = new ImageFolder();
  const put = (writer: ErofsImageWriter): void => putFile(writer, 'f', Buffer.from('x'), xattrs([name, value]));
  expect(() => write(folder, put)).toThrow(expect.objectContaining({ code: 'EROFS_CANNOT_HOLD' }));
  expect(isErofsXattr(name)).toBe(name === 'user.large');
});

test('access control lists are what they were', () => {
  using folder = new ImageFolder();
  const acl = Buffer.from('0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000000ffffffff', 'hex');
  const fill = (writer: ErofsImageWriter): unknown =>
    writer.makeDirectory(writer.root, 'd', xattrs(['system.posix_acl_access', acl], ['system.posix_acl_default', acl]));
  const { d } = seen(write(folder, fill));
  expect(d?.xattrs).toEqual({
    'system.posix_acl_access': acl.toString('latin1'),
    'system.posix_acl_default': acl.toString('latin1'),
  });
});

test('a link with large attributes does not lie behind them', () => {
  using folder = new ImageFolder();
  const values = Array.from({ length: 12 }, (_, index): [string, Buffer] => [`trusted.${index}`, Buffer.alloc(330, index)]);
  const written = write(folder, (writer) => {
    for (const length of [1, 100, 500, 2000, 4095])
      writer.makeSymlink(writer.root, `l${length}`, xattrs(...values), 't'.repeat(length));
  });
  const items = seen(written);
  expect(items['l500']?.content).toBe('t'.repeat(500));
  expect(items['l4095']?.content).toBe('t'.repeat(4095));
});

test('small attributes that are more than are kept in memory', () => {
  using folder = new ImageFolder();
  const written = write(folder, (writer) => {
    for (let index = 0; index < 150_000; index++)
      writer.makeFile(writer.root, `f${index}`, xattrs(['security.ima', Buffer.alloc(400, `${index} `)]), { kind: 'empty' });
    putFile(writer, 'last', Buffer.from('last'), xattrs(['user.a', Buffer.from('a')]));
  });
  fsck(written.file);
  const mount = linux.mountDetached([{ kind: 'erofs', source: written.file }]);
  const fd = openSync(written.file, 'r');
  const image = openErofsImage(fd, { name: 'image' });
  for (const index of [0, 1, 1000, 50_000, 100_000, 149_998, 149_999]) {
    const value = Buffer.alloc(400, `${index} `);
    expect(image.xattr(image.lookUp(image.root, `f${index}`)?.nid ?? 0, 'security.ima')?.equals(value)).toBe(true);
    expect(linux.lgetxattr(`/proc/self/fd/${mount}/f${index}`, 'security.ima')?.equals(value)).toBe(true);
  }
  closeSync(fd);
  closeSync(mount);
});
