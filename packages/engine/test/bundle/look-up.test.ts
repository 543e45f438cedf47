import { describe, expect, test } from 'vitest';
import { findCommand } from '../../dist/bundle/index.js';
import { resolveWorkdir } from '../../dist/bundle/workdir.js';
import { errorOf, type TreeEntry, tree } from './tree.js';

const program: TreeEntry = { mode: 0o755 };

describe('findCommand', () => {
  const files: Record<string, TreeEntry> = {
    'usr/bin/busybox': program,
    'usr/bin/ls': { link: '/usr/bin/busybox' },
    'usr/bin/up': { link: '../../../../../usr/bin/busybox' },
    'usr/bin/loop': { link: 'loop' },
    'usr/bin/dangling': { link: '/nowhere' },
    'usr/bin/outside': { link: '/proc/self/exe' },
    'usr/bin/data': 'data',
    'usr/bin/folder': { directory: true },
    'usr/bin/fifo': { fifo: true },
    'usr/bin/only-others': { mode: 0o641 },
    bin: { link: 'usr/bin' },
    'first/both': 'not executable',
    'usr/bin/both': program,
    'first/folder': program,
    'work/run.sh': program,
    'deep/er/tool': program,
    short: { link: '/deep/er' },
    'deep/beside': program,
  };
  const find = (name: string, { path = '/first:/usr/bin', cwd = '/' } = {}) => {
    using image = tree(files);
    return findCommand(image.root, { args: [name], env: ['A=b', `PATH=${path}`], cwd });
  };

  test.each([
    ['ls', {}, '/usr/bin/ls'],
    ['up', {}, '/usr/bin/up'],
    ['ls', { path: '/bin' }, '/bin/ls'],
    ['both', {}, '/usr/bin/both'],
    ['folder', { path: '/usr/bin:/first' }, '/first/folder'],
    ['only-others', {}, '/usr/bin/only-others'],
    ['/bin/ls', {}, '/bin/ls'],
    ['/../../bin/ls', {}, '/../../bin/ls'],
    ['./run.sh', { cwd: '/work' }, '/work/./run.sh'],
    ['work/run.sh', {}, '//work/run.sh'],
    ['short/../beside', {}, '//short/../beside'],
    ['ls', { path: 'relative::/nowhere:/usr/bin' }, '/usr/bin/ls'],
  ])('%s with %j', (name, options, expected) => {
    expect(find(name, options)).toBe(expected);
  });

  test.each([
    ['missing', {}],
    ['', {}],
    ['loop', {}],
    ['dangling', {}],
    ['outside', {}],
    ['/proc/self/exe', {}],
    ['ls/below', { cwd: '/usr/bin' }],
    ['x'.repeat(300), {}],
    ['run.sh', { cwd: '/work', path: ':.' }],
    ['./run.sh', { cwd: '/made/later' }],
    ['ls', { path: '' }],
  ])('%.30s with %j is not there', (name, options) => {
    expect(errorOf(() => find(name, options))).toMatchObject({ kind: 'not-found', code: 'COMMAND_NOT_FOUND' });
  });

  test.each([
    ['data', '/usr/bin/data'],
    ['/usr/bin/data', '/usr/bin/data'],
    ['folder', '/usr/bin/folder'],
    ['/bin', '/usr/bin'],
    ['fifo', '/usr/bin/fifo'],
  ])('%s cannot be executed', (name, path) => {
    expect(errorOf(() => find(name, { path: '/usr/bin' }))).toMatchObject({
      kind: 'permission-denied',
      code: 'COMMAND_NOT_EXECUTABLE',
      message: expect.stringContaining(`"${path}"`),
    });
  });

  test('bug: what a running container lacks was said to be lacking in its image', () => {
    using container = tree({ 'bin/data': 'text' }, 'container "web"');
    const messageOf = (name: string): string =>
      errorOf(() => findCommand(container.root, { args: [name], env: ['PATH=/bin'], cwd: '/' })).message;
    expect(messageOf('missing')).toBe('Command "missing" is not in container "web", in none of the folders of PATH "/bin"');
    expect(messageOf('data')).toBe('Command "data" is "/bin/data" in container "web", which nobody may execute');
  });

  test('terminal escapes in a name are neutralised', () => {
    const { message } = errorOf(() => find('\u001b[31mred\u009b\u202e'));
    expect(message).toContain('"\\u001b[31mred\\u009b\\u202e"');
  });
});

describe('resolveWorkdir', () => {
  const files: Record<string, TreeEntry> = {
    'srv/app/keep': '',
    link: { link: '/srv/app' },
    file: 'data',
    dangling: { link: '/proc/self/fd/7' },
    trap: { link: '/proc/1/cwd' },
    'proc/1/cwd/keep': '',
    loop: { link: 'loop' },
    processes: { link: 'proc' },
    top: { link: '/' },
  };
  const resolve = (text: string) => {
    using image = tree(files);
    return resolveWorkdir(image.root, text);
  };

  test.each([
    ['', '/'],
    ['/', '/'],
    ['srv/app', '/srv/app'],
    ['/srv/app/', '/srv/app'],
    ['/../../srv/./x/../app', '/srv/app'],
    ['../..', '/'],
    ['/link', '/link'],
    ['/new/folder', '/new/folder'],
    ['/srv/new', '/srv/new'],
    ['/link/new', '/link/new'],
    ['/proc', '/proc'],
    ['/proc/sys', '/proc/sys'],
  ])('%j', (text, expected) => {
    expect(resolve(text)).toBe(expected);
  });

  test.each([
    ['/file'],
    ['/file/below'],
    ['/loop'],
    ['/dangling'],
    ['/dangling/x'],
    ['/trap'],
    ['/proc/self/fd/7'],
    ['/proc/self/../self/fd/8'],
    ['/proc/thread-self/cwd'],
    ['/dev/fd/7'],
    ['/processes/self/fd/7'],
    ['/top/proc/self/cwd'],
    ['/top/top/dev/fd/7'],
  ])('%j is refused (CVE-2024-21626 among others)', (text) => {
    expect(errorOf(() => resolve(text))).toMatchObject({ kind: 'invalid-argument', code: 'WORKDIR_INVALID' });
  });

  test('NUL and endless paths are refused', () => {
    expect(errorOf(() => resolve('/a\0b')).code).toBe('NUL_IN_TEXT');
    expect(errorOf(() => resolve(`/${'é'.repeat(128)}`)).code).toBe('WORKDIR_INVALID');
    expect(errorOf(() => resolve(`/${'a/'.repeat(3000)}`)).code).toBe('WORKDIR_INVALID');
  });
});
