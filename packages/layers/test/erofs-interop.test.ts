import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, linkSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openErofsImage } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { expect, test } from 'vitest';
import { ImageFolder } from './erofs-folder.js';
import { listByKernel, listByReader } from './erofs-listing.js';

function tree(root: string): void {
  mkdirSync(join(root, 'many'), { recursive: true });
  for (let index = 0; index < 1000; index++) writeFileSync(join(root, `many/file-${index}`), `${index}`.repeat(index % 900));
  writeFileSync(join(root, 'large'), Buffer.alloc(1_000_000, 'large'));
  linkSync(join(root, 'large'), join(root, 'linked'));
  symlinkSync('x'.repeat(3000), join(root, 'link'));
  linux.mknod(join(root, 'device'), 0o060600, 259, 70_000);
  linux.mknod(join(root, 'pipe'), 0o010600, 0, 0);
  for (const name of ['large', 'many/file-1', 'many/file-2', 'many/file-3', 'many']) {
    linux.lsetxattr(join(root, name), 'user.shared', Buffer.from('shared'));
    linux.lsetxattr(join(root, name), 'security.own', Buffer.from(name));
    linux.lsetxattr(join(root, name), 'trusted.large', Buffer.alloc(2000, name));
  }
  const fd = openSync(join(root, 'sparse'), 'w');
  writeSync(fd, 'x', 500_000);
  ftruncateSync(fd, 1_000_000);
  closeSync(fd);
}

test.each([
  ['as it comes', []],
  ['with small inodes', ['-Eforce-inode-compact', '-T1234567']],
  ['with large inodes', ['-Eforce-inode-extended']],
  ['with shared attributes', ['-x1']],
  ['in chunks', ['--chunksize=65536']],
  ['in chunks that name their device', ['-Eforce-chunk-indexes', '--chunksize=65536']],
])('an image that mkfs.erofs has made %s', (_, options) => {
  using folder = new ImageFolder();
  tree(folder.path('tree'));
  const image = folder.path('image');
  execFileSync('mkfs.erofs', ['--quiet', ...options, image, folder.path('tree')], { stdio: 'ignore' });
  expect(listByReader(image)).toEqual(listByKernel(image));
});

test('a compressed image is refused, and says why', () => {
  using folder = new ImageFolder();
  tree(folder.path('tree'));
  execFileSync('mkfs.erofs', ['--quiet', '-zlz4hc', folder.path('image'), folder.path('tree')], { stdio: 'ignore' });
  const fd = openSync(folder.path('image'), 'r');
  expect(() => {
    const image = openErofsImage(fd, { name: 'image' });
    const large = image.lookUp(image.root, 'large');
    image.stat(large?.nid ?? 0);
  }).toThrow(expect.objectContaining({ code: 'EROFS_FEATURE_UNSUPPORTED', kind: 'unimplemented' }));
  closeSync(fd);
});
