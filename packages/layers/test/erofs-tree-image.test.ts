import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { isErofsXattr, type TreeImageOptions, writeTreeImage } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { expect, test } from 'vitest';
import { fsck, ImageFolder } from './erofs-folder.js';
import { type Items, listByKernel, listMounted } from './erofs-listing.js';

function imageOf(folder: ImageFolder, tree: string, options: Partial<TreeImageOptions> = {}, name = 'image'): string {
  const fd = openSync(folder.path(name), 'w+');
  try {
    writeTreeImage(tree, fd, { system: linux, ...options });
  } finally {
    closeSync(fd);
  }
  return folder.path(name);
}

/** Without overlayfs' own notes, and what depends on how a file system counts. */
function kept(items: Items): Items {
  return Object.fromEntries(
    Object.entries(items).map(([path, item]) => {
      const xattrs = Object.entries(item.xattrs).filter(
        ([name]) => name === 'trusted.overlay.opaque' || (isErofsXattr(name) && !name.startsWith('trusted.overlay.')),
      );
      return [path, { ...item, xattrs: Object.fromEntries(xattrs) }];
    }),
  );
}

function tree(folder: ImageFolder): string {
  const root = folder.path('tree');
  mkdirSync(join(root, 'etc/deep/er'), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0\n', { mode: 0o640 });
  writeFileSync(join(root, 'etc/big'), Buffer.alloc(1_234_567, 'b'));
  linkSync(join(root, 'etc/big'), join(root, 'etc/deep/also-big'));
  symlinkSync('../passwd', join(root, 'etc/deep/link'));
  linkSync(join(root, 'etc/deep/link'), join(root, 'etc/deep/er/link'));
  linux.mknod(join(root, 'etc/null'), 0o020666, 1, 3);
  linux.mknod(join(root, 'etc/whiteout'), 0o020000, 0, 0);
  linux.mknod(join(root, 'etc/pipe'), 0o010600, 0, 0);
  linux.lsetxattr(join(root, 'etc/big'), 'security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex'));
  linux.lsetxattr(join(root, 'etc/passwd'), 'user.note', Buffer.from('a\0b'));
  linux.lsetxattr(join(root, 'etc/deep'), 'trusted.overlay.opaque', Buffer.from('y'));
  linux.lsetxattr(join(root, 'etc/deep'), 'trusted.overlay.impure', Buffer.from('y'));
  linux.lsetxattr(join(root, 'etc/big'), 'trusted.overlay.origin', Buffer.from('abc'));
  linux.mknod(Buffer.from(`${root}/etc/\xff`, 'latin1'), 0o100755, 0, 0);
  chmodSync(join(root, 'etc/deep/er'), 0o2750);
  linux.lutimes(join(root, 'etc/deep/link'), -1n, -1n);
  lutimesSync(join(root, 'etc/deep'), 1_600_000_000, 1_600_000_000);
  return root;
}

test('a tree with all that there is', () => {
  using folder = new ImageFolder();
  const root = tree(folder);
  const image = imageOf(folder, root);
  fsck(image);
  expect(listByKernel(image)).toEqual(kept(listMounted(root)));
});

test('the same tree gives the same bytes', () => {
  using folder = new ImageFolder();
  const one = readFileSync(imageOf(folder, tree(folder)));
  expect(readFileSync(imageOf(folder, folder.path('tree'), {}, 'again')).equals(one)).toBe(true);
  expect(readFileSync(imageOf(folder, folder.path('tree'), { identity: 'other' }, 'again')).equals(one)).toBe(false);
});

test('holes of a file stay holes, and cost nothing', () => {
  using folder = new ImageFolder();
  mkdirSync(folder.path('tree'));
  const fd = openSync(folder.path('tree/sparse'), 'w');
  writeSync(fd, 'start', 0);
  writeSync(fd, 'end', 5 * 2 ** 30);
  ftruncateSync(fd, 6 * 2 ** 30);
  closeSync(fd);
  const image = imageOf(folder, folder.path('tree'));
  fsck(image);
  expect(statSync(image).blocks * 512).toBeLessThan(1_000_000);
  const mount = linux.mountDetached([{ kind: 'erofs', source: image }]);
  const file = openSync(`/proc/self/fd/${mount}/sparse`, 'r');
  expect([...linux.dataRanges(file, 6 * 2 ** 30)].map(({ start }) => start)).toEqual([0, 5 * 2 ** 30]);
  expect(statSync(`/proc/self/fd/${mount}/sparse`).size).toBe(6 * 2 ** 30);
  closeSync(file);
  closeSync(mount);
});

test('what overlayfs left in an upper directory means the same as an image below', () => {
  using folder = new ImageFolder();
  for (const name of ['lower/dir/sub', 'lower/gone', 'upper', 'work', 'empty']) mkdirSync(folder.path(name), { recursive: true });
  for (const name of ['lower/dir/a', 'lower/dir/sub/b', 'lower/gone/c', 'lower/d']) writeFileSync(folder.path(name), name);
  const [lower, upper, work] = [folder.path('lower'), folder.path('upper'), folder.path('work')];
  const writable = linux.mountDetached([{ kind: 'overlay', lower: [lower], upper, work }]);
  const merged = `/proc/self/fd/${writable}`;
  rmSync(`${merged}/gone`, { recursive: true });
  rmSync(`${merged}/d`);
  rmSync(`${merged}/dir`, { recursive: true });
  mkdirSync(`${merged}/dir`);
  writeFileSync(`${merged}/dir/new`, 'new');
  const expected = listMounted(merged);
  closeSync(writable);
  const image = imageOf(folder, upper);
  const mount = linux.mountDetached([{ kind: 'erofs', source: image }]);
  const over = linux.mountDetached([{ kind: 'overlay', lower: [`/proc/self/fd/${mount}`, lower] }]);
  try {
    expect(listMounted(`/proc/self/fd/${over}`)).toEqual(expected);
    expect(Object.keys(expected)).toEqual(['.', 'dir', 'dir/new']);
  } finally {
    closeSync(over);
    closeSync(mount);
  }
});

test('sockets are left out', async () => {
  using folder = new ImageFolder();
  mkdirSync(folder.path('tree'));
  const server = createServer().listen(folder.path('tree/socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    expect(Object.keys(listByKernel(imageOf(folder, folder.path('tree'))))).toEqual(['.']);
  } finally {
    server.close();
  }
});

test.each(['redirect', 'metacopy', 'whiteout'])('an upper directory with %s is refused: it is not all there', (mark) => {
  using folder = new ImageFolder();
  mkdirSync(folder.path('tree/d'), { recursive: true });
  linux.lsetxattr(folder.path('tree/d'), `trusted.overlay.${mark}`, Buffer.from('x'));
  expect(() => imageOf(folder, folder.path('tree'))).toThrow(
    expect.objectContaining({ code: 'EROFS_CANNOT_HOLD', message: expect.stringContaining('image of "d": it has') }),
  );
});

test('a file that changes while it is read is no file of an image', () => {
  using folder = new ImageFolder();
  mkdirSync(folder.path('tree'));
  writeFileSync(folder.path('tree/f'), Buffer.alloc(3_000_000));
  let calls = 0;
  const checkpoint = (): void => {
    if (++calls === 3) writeFileSync(folder.path('tree/f'), 'short');
  };
  expect(() => imageOf(folder, folder.path('tree'), { checkpoint })).toThrow(
    expect.objectContaining({ code: 'EROFS_TREE_CHANGED', kind: 'aborted' }),
  );
});

test('a file that vanishes before it is read is a change, too', () => {
  using folder = new ImageFolder();
  mkdirSync(folder.path('tree'));
  writeFileSync(folder.path('tree/f'), '');
  const checkpoint = (): void => rmSync(folder.path('tree/f'), { force: true });
  expect(() => imageOf(folder, folder.path('tree'), { checkpoint })).toThrow(
    expect.objectContaining({ code: 'EROFS_TREE_CHANGED' }),
  );
});

test('what a checkpoint throws ends the work', () => {
  using folder = new ImageFolder();
  mkdirSync(folder.path('tree/a/b/c'), { recursive: true });
  const checkpoint = (): void => {
    throw new Error('enough');
  };
  expect(() => imageOf(folder, folder.path('tree'), { checkpoint })).toThrow('enough');
});

test('what an image cannot hold is named', () => {
  using folder = new ImageFolder();
  const mount = linux.mountDetached([{ kind: 'generic', fstype: 'tmpfs', source: 'tmpfs', flags: [], data: {} }]);
  const root = `/proc/self/fd/${mount}`;
  try {
    mkdirSync(`${root}/d`);
    writeFileSync(`${root}/d/f`, '');
    linux.lsetxattr(`${root}/d/f`, 'trusted.large', Buffer.alloc(65_536));
    expect(() => imageOf(folder, root)).toThrow('image of "d/f": the extended attribute "trusted.large" has 65536 bytes');
  } finally {
    closeSync(mount);
  }
});

test('a full disk is said to be full', () => {
  using folder = new ImageFolder();
  mkdirSync(folder.path('tree'));
  writeFileSync(folder.path('tree/f'), Buffer.alloc(3_000_000, 'x'));
  const mount = linux.mountDetached([{ kind: 'generic', fstype: 'tmpfs', source: 'tmpfs', flags: [], data: { size: '1m' } }]);
  const fd = openSync(`/proc/self/fd/${mount}/image`, 'w+');
  try {
    expect(() => writeTreeImage(folder.path('tree'), fd, { system: linux })).toThrow(
      expect.objectContaining({ kind: 'resource-exhausted', code: 'SYSTEM_ENOSPC' }),
    );
  } finally {
    closeSync(fd);
    closeSync(mount);
  }
});
