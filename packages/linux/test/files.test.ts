import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { linux, makedev, O_CLOEXEC, O_PATH, splitdev } from '@slipway/linux';
import { describe, expect, it } from 'vitest';
import { flagsOf, tempFolder } from './temp.ts';

const notUtf8 = Buffer.from([0x66, 0xff, 0xfe, 0x0a, 0x80]);
const inside = (folder: string, name: Buffer): Buffer => Buffer.concat([Buffer.from(`${folder}/`), name]);

describe('mknod', () => {
  it('makes devices with large numbers, and the inverse reads them', () => {
    const folder = tempFolder();
    const numbers: readonly [number, number][] = [
      [0, 0],
      [1, 3],
      [8, 257],
      [259, 65536],
      [4095, 1048575],
    ];
    for (const [i, [major, minor]] of numbers.entries()) {
      const path = join(folder, `device${i}`);
      linux.mknod(path, constants.S_IFCHR | 0o600, major, minor);
      const { rdev } = lstatSync(path, { bigint: true });
      expect(rdev).toBe(makedev(major, minor));
      expect(splitdev(rdev)).toEqual({ major, minor });
    }
  });

  it('makes a fifo under a name that is not UTF-8', () => {
    const folder = tempFolder();
    linux.mknod(inside(folder, notUtf8), constants.S_IFIFO | 0o600, 0, 0);
    expect(readdirSync(folder, { encoding: 'buffer' })).toEqual([notUtf8]);
    expect(lstatSync(inside(folder, notUtf8)).isFIFO()).toBe(true);
  });

  it('fails as node:fs does', () => {
    const path = join(tempFolder(), 'taken');
    writeFileSync(path, '');
    expect(() => linux.mknod(path, constants.S_IFIFO | 0o600, 0, 0)).toThrow(
      expect.objectContaining({ code: 'EEXIST', errno: -17, syscall: 'mknod', path }),
    );
    expect(() => linux.mknod('a\0b', constants.S_IFIFO, 0, 0)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
    );
  });
});

describe('lutimes', () => {
  it('sets nanoseconds on the link itself, before 1970 too', () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'file'), '');
    const before = lstatSync(join(folder, 'file'), { bigint: true }).mtimeNs;
    symlinkSync('file', join(folder, 'link'));
    for (const [atime, mtime] of [
      [1_700_000_000_123_456_789n, 1n],
      [-1n, -1_000_000_001n],
      [0n, -2_000_000_000n],
    ] as const) {
      linux.lutimes(join(folder, 'link'), atime, mtime);
      const found = lstatSync(join(folder, 'link'), { bigint: true });
      expect([found.atimeNs, found.mtimeNs]).toEqual([atime, mtime]);
    }
    expect(lstatSync(join(folder, 'file'), { bigint: true }).mtimeNs).toBe(before);
  });
});

describe('extended attributes', () => {
  it('keeps bytes, lists, removes, and knows an absent one', () => {
    const folder = tempFolder();
    const path = inside(folder, notUtf8);
    writeFileSync(path, '');
    const value = Buffer.from([0, 1, 0, 255]);
    linux.lsetxattr(path, 'user.a', value);
    linux.lsetxattr(path, Buffer.from([...Buffer.from('trusted.'), 0xff]), Buffer.alloc(0));
    expect(linux.lgetxattr(path, 'user.a')).toEqual(value);
    expect(linux.lgetxattr(path, Buffer.from([...Buffer.from('trusted.'), 0xff]))).toEqual(Buffer.alloc(0));
    expect(linux.lgetxattr(path, 'user.b')).toBeUndefined();
    const names = linux.llistxattr(path).map((name) => name.toString('latin1'));
    expect(new Set(names)).toEqual(new Set(['trusted.ÿ', 'user.a']));
    linux.lremovexattr(path, 'user.a');
    expect(linux.lgetxattr(path, 'user.a')).toBeUndefined();
  });

  it('does not follow links', () => {
    const folder = tempFolder();
    symlinkSync('nowhere', join(folder, 'link'));
    linux.lsetxattr(join(folder, 'link'), 'trusted.a', Buffer.from('on the link'));
    expect(linux.lgetxattr(join(folder, 'link'), 'trusted.a')?.toString()).toBe('on the link');
    expect(() => linux.lsetxattr(join(folder, 'missing'), 'user.a', Buffer.alloc(0))).toThrow(
      expect.objectContaining({ code: 'ENOENT', syscall: 'lsetxattr' }),
    );
  });
});

describe('openInRoot', () => {
  function root(): { readonly fd: number; readonly folder: string; readonly outside: string } {
    const top = tempFolder();
    const folder = join(top, 'root');
    mkdirSync(join(folder, 'etc'), { recursive: true });
    writeFileSync(join(folder, 'etc/passwd'), 'inside');
    mkdirSync(join(top, 'etc'));
    writeFileSync(join(top, 'etc/passwd'), 'outside');
    return { fd: openSync(folder, O_PATH | constants.O_DIRECTORY), folder, outside: top };
  }

  it('clamps .. and absolute links to the root', () => {
    const { fd, folder } = root();
    symlinkSync('/etc', join(folder, 'abs'));
    symlinkSync('../../../../etc', join(folder, 'up'));
    for (const path of ['etc/passwd', '/etc/passwd', '../../etc/passwd', 'abs/passwd', 'up/passwd', 'abs/../../../etc/passwd']) {
      const file = linux.openInRoot(fd, path, constants.O_RDONLY);
      expect(readFileSync(file, 'utf8'), path).toBe('inside');
      expect(flagsOf(file) & O_CLOEXEC).toBe(O_CLOEXEC);
      closeSync(file);
    }
    closeSync(fd);
  });

  it('answers ELOOP for circles, magic links and links it is told not to follow', () => {
    const { fd, folder } = root();
    symlinkSync('b', join(folder, 'a'));
    symlinkSync('a', join(folder, 'b'));
    symlinkSync('etc/passwd', join(folder, 'link'));
    expect(() => linux.openInRoot(fd, 'a', constants.O_RDONLY)).toThrow(
      expect.objectContaining({ code: 'ELOOP', syscall: 'openat2' }),
    );
    expect(() => linux.openInRoot(fd, 'link', constants.O_RDONLY | constants.O_NOFOLLOW)).toThrow(
      expect.objectContaining({ code: 'ELOOP' }),
    );
    const proc = openSync('/proc', O_PATH | constants.O_DIRECTORY);
    expect(() => linux.openInRoot(proc, 'self/root/etc/passwd', constants.O_RDONLY)).toThrow(
      expect.objectContaining({ code: 'ELOOP' }),
    );
    closeSync(proc);
    closeSync(fd);
  });

  it('creates with mode and bytes for a name', () => {
    const { fd, folder } = root();
    const file = linux.openInRoot(fd, notUtf8, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    expect(fstatSync(file).mode & 0o777).toBe(0o600);
    closeSync(file);
    expect(readdirSync(folder, { encoding: 'buffer' }).some((name) => name.equals(notUtf8))).toBe(true);
    closeSync(fd);
  });

  it('never leaves the root while a folder is moved back and forth', () => {
    const { fd, folder, outside } = root();
    mkdirSync(join(folder, 'x/y'), { recursive: true });
    for (let i = 0; i < 200; i++) {
      renameSync(join(folder, 'x/y'), join(outside, 'y'));
      renameSync(join(outside, 'y'), join(folder, 'x/y'));
      const file = linux.openInRoot(fd, 'x/y/../../../etc/passwd', constants.O_RDONLY);
      expect(readFileSync(file, 'utf8')).toBe('inside');
      closeSync(file);
    }
    closeSync(fd);
  });
});

describe('openat', () => {
  it('opens a single name below a directory, close-on-exec', () => {
    const folder = tempFolder();
    const directory = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    const file = linux.openat(directory, notUtf8, constants.O_CREAT | constants.O_RDWR, 0o640);
    expect(flagsOf(file) & O_CLOEXEC).toBe(O_CLOEXEC);
    expect(statSync(inside(folder, notUtf8)).isFile()).toBe(true);
    expect(() => linux.openat(directory, 'missing', constants.O_RDONLY)).toThrow(
      expect.objectContaining({ code: 'ENOENT', syscall: 'openat', path: 'missing' }),
    );
    closeSync(file);
    closeSync(directory);
  });
});

describe('copying', () => {
  it('copies between file systems and within one, from where the descriptors stand', () => {
    const content = Buffer.alloc(3_000_000, 'slipway ');
    for (const target of [join(tempFolder(), 'copy'), `/dev/shm/slipway-linux-${process.pid}`]) {
      const source = join(tempFolder(), 'source');
      writeFileSync(source, content);
      const [from, to] = [openSync(source, 'r'), openSync(target, 'w+')];
      try {
        readSync(from, Buffer.alloc(8));
        writeSync(to, 'head');
        linux.copyFile(from, to, content.length - 8);
        expect(readFileSync(target).equals(Buffer.concat([Buffer.from('head'), content.subarray(8)]))).toBe(true);
        expect(() => linux.copyFile(from, to, 1)).toThrow(expect.objectContaining({ code: 'EIO' }));
      } finally {
        closeSync(from);
        closeSync(to);
        rmSync(target);
      }
    }
  });

  it('asks on its way whether to go on, whichever way that is', () => {
    for (const target of [join(tempFolder(), 'copy'), `/dev/shm/slipway-linux-${process.pid}`]) {
      const source = join(tempFolder(), 'source');
      writeFileSync(source, Buffer.alloc(80 << 20, 'x'));
      const [from, to] = [openSync(source, 'r'), openSync(target, 'w+')];
      let asked = 0;
      const checkpoint = (): void => {
        if (++asked === 2) throw new Error('stop');
      };
      try {
        expect(() => linux.copySparse(from, to, 80 << 20, checkpoint)).toThrow('stop');
        expect(fstatSync(to).size).toBeLessThan(80 << 20);
      } finally {
        closeSync(from);
        closeSync(to);
        rmSync(target);
      }
    }
  });

  it('keeps holes, also at both ends', () => {
    const folder = tempFolder();
    const [from, to] = [openSync(join(folder, 'from'), 'w+'), openSync(join(folder, 'to'), 'w+')];
    const size = 64 << 20;
    ftruncateSync(from, size);
    writeSync(from, 'middle', 16 << 20);
    linux.copySparse(from, to, size);
    ftruncateSync(to, size);
    expect(readFileSync(join(folder, 'to')).equals(readFileSync(join(folder, 'from')))).toBe(true);
    expect(fstatSync(to).blocks).toBeLessThan(64);
    const empty = openSync(join(folder, 'empty'), 'w+');
    linux.copySparse(empty, to, 0);
    for (const fd of [from, to, empty]) closeSync(fd);
  });
});

describe('whole file systems and renames', () => {
  it('syncs, and says what file system it is', () => {
    const folder = tempFolder();
    const fd = openSync(folder, 'r');
    linux.syncfs(fd);
    closeSync(fd);
    expect(() => linux.syncfs(fd)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'syncfs' }));
    expect(linux.statfs('/proc').type).toBe(0x9fa0);
    expect(linux.statfs(Buffer.from(folder)).blockSize).toBeGreaterThan(0);
  });

  it('renames only where nothing is', () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'a'), 'a');
    linux.renameNoReplace(join(folder, 'a'), join(folder, 'b'));
    linkSync(join(folder, 'b'), join(folder, 'c'));
    expect(() => linux.renameNoReplace(join(folder, 'b'), join(folder, 'c'))).toThrow(
      expect.objectContaining({ code: 'EEXIST', syscall: 'renameat2', path: join(folder, 'b'), dest: join(folder, 'c') }),
    );
  });
});
