import { describe, expect, test } from 'vitest';
import { resolveUser } from '../../dist/bundle/user.js';
import { errorOf, type TreeEntry, tree } from './tree.js';

const passwd = [
  'root:x:0:0:root:/root:/bin/sh',
  '# a comment',
  '',
  'daemon:x:1:1::/:/bin/false',
  'app:x:1000:1001:App:/home/app:/bin/sh',
  '1000:x:2000:2000::/home/number:/bin/sh',
  'overflow:x:4294967296:4294967296::/:/bin/sh',
  'words:x:zero:zero::/:/bin/sh',
  'short',
  'gidless:x:3000:::/home/gidless:',
  'app:x:5:5::/second:/bin/sh',
].join('\n');
const group = ['root:x:0:root', 'wheel:x:10:app,root', 'audio:x:63:other,app', 'again:x:63:app', 'staff:x:50:', 'bad:x:x:'].join(
  '\n',
);

const files = { 'etc/passwd': passwd, 'etc/group': group };

function resolve(text: string, entries: Record<string, TreeEntry> = files) {
  using image = tree(entries);
  return resolveUser(image.root, text);
}

describe('resolveUser', () => {
  test.each([
    ['', { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }],
    ['root', { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }],
    ['0', { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }],
    ['app', { uid: 1000, gid: 1001, additionalGids: [1001, 10, 63], home: '/home/app' }],
    ['1000', { uid: 1000, gid: 1001, additionalGids: [1001, 10, 63], home: '/home/app' }],
    ['app:', { uid: 1000, gid: 1001, additionalGids: [1001, 10, 63], home: '/home/app' }],
    ['app:staff', { uid: 1000, gid: 50, additionalGids: [50], home: '/home/app' }],
    ['app:77', { uid: 1000, gid: 77, additionalGids: [77], home: '/home/app' }],
    ['4242', { uid: 4242, gid: 0, additionalGids: [0], home: '/' }],
    ['4242:staff', { uid: 4242, gid: 50, additionalGids: [50], home: '/' }],
    ['2147483647:2147483647', { uid: 2147483647, gid: 2147483647, additionalGids: [2147483647], home: '/' }],
    [':staff', { uid: 0, gid: 50, additionalGids: [50], home: '/root' }],
  ])('%j', (text, expected) => {
    expect(resolve(text)).toEqual(expected);
  });

  test.each([
    ['4294967296', 'invalid-argument', 'USER_INVALID'],
    ['4294967295', 'invalid-argument', 'USER_INVALID'],
    ['2147483648', 'invalid-argument', 'USER_INVALID'],
    ['18446744073709551616', 'invalid-argument', 'USER_INVALID'],
    ['-1', 'invalid-argument', 'USER_INVALID'],
    ['-0', 'invalid-argument', 'USER_INVALID'],
    ['app:4294967296', 'invalid-argument', 'USER_INVALID'],
    ['app:-1', 'invalid-argument', 'USER_INVALID'],
    ['1:2:3', 'invalid-argument', 'USER_INVALID'],
    ['overflow', 'invalid-argument', 'USER_INVALID'],
    ['words', 'invalid-argument', 'USER_INVALID'],
    ['short', 'invalid-argument', 'USER_INVALID'],
    ['gidless', 'invalid-argument', 'USER_INVALID'],
    ['app:bad', 'invalid-argument', 'USER_INVALID'],
    ['nobody', 'not-found', 'USER_NOT_FOUND'],
    ['0x0', 'not-found', 'USER_NOT_FOUND'],
    ['1e3', 'not-found', 'USER_NOT_FOUND'],
    [' ', 'not-found', 'USER_NOT_FOUND'],
    ['ROOT', 'not-found', 'USER_NOT_FOUND'],
    ['__proto__', 'not-found', 'USER_NOT_FOUND'],
    ['app:nobody', 'not-found', 'GROUP_NOT_FOUND'],
  ])('%j is an error, never root', (text, kind, code) => {
    expect(errorOf(() => resolve(text))).toMatchObject({ kind, code });
  });

  test('without any files a number works and a name does not', () => {
    expect(resolve('1000:1000', {})).toEqual({ uid: 1000, gid: 1000, additionalGids: [1000], home: '/' });
    expect(resolve('', {})).toEqual({ uid: 0, gid: 0, additionalGids: [0], home: '/' });
    expect(errorOf(() => resolve('app', {})).code).toBe('USER_NOT_FOUND');
    expect(errorOf(() => resolve('root', {})).code).toBe('USER_NOT_FOUND');
  });

  test.each<[string, TreeEntry]>([
    ['FIFO', { fifo: true }],
    ['endless device', { device: [1, 5] }],
    ['device', { device: [1, 3] }],
    ['directory', { directory: true }],
    ['file of 10 GiB', { size: 10 * 2 ** 30 }],
    ['link to a FIFO', { link: '../pipe' }],
  ])('/etc/passwd or /etc/group as a %s is refused, also for numbers', (_, entry) => {
    for (const name of ['etc/passwd', 'etc/group']) {
      expect(errorOf(() => resolve('1000', { pipe: { fifo: true }, [name]: entry }))).toMatchObject({
        kind: 'invalid-argument',
        code: 'ROOT_FILE_INVALID',
        message: expect.stringContaining(`"/${name}"`),
      });
    }
  });

  test('/etc/passwd as a link stays in the image', () => {
    expect(errorOf(() => resolve('daemon', { 'etc/passwd': { link: '/../../../../../etc/passwd' } })).code).toBe(
      'USER_NOT_FOUND',
    );
    expect(errorOf(() => resolve('daemon', { 'etc/passwd': { link: '/proc/self/root/etc/passwd' } })).code).toBe(
      'USER_NOT_FOUND',
    );
    expect(resolve('daemon', { 'etc/passwd': { link: '../../../usr/passwd' }, 'usr/passwd': passwd }).uid).toBe(1);
  });

  test('the last line needs no newline, and carriage returns and blank lines do no harm', () => {
    const files = { 'etc/passwd': '\n\r\n x:x:7:8::/x:/bin/sh\r\n\ny:x:9:10::/y', 'etc/group': 'g:x:11:y\r' };
    expect(resolve('x', files)).toEqual({ uid: 7, gid: 8, additionalGids: [8], home: '/x' });
    expect(resolve('y', files)).toEqual({ uid: 9, gid: 10, additionalGids: [10, 11], home: '/y' });
  });

  test('a file of millions of empty entries is gone through without keeping them', () => {
    using image = tree({
      'etc/passwd': `${':\n'.repeat(2_000_000)}app:x:5:6::/a:`,
      'etc/group': `g:x:7:${','.repeat(4_000_000)}app`,
    });
    expect(resolveUser(image.root, 'app')).toMatchObject({ uid: 5, additionalGids: [6, 7] });
  });

  test('more groups than the kernel takes are refused', () => {
    const many = Array.from({ length: 70_000 }, (_, index) => `g${index}:x:${index}:app`).join('\n');
    expect(errorOf(() => resolve('app', { ...files, 'etc/group': many })).code).toBe('USER_INVALID');
    expect(resolve('app:5', { ...files, 'etc/group': many }).additionalGids).toEqual([5]);
  });
});
