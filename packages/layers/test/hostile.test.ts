import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { defaultLimits } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { describe, expect, test } from 'vitest';
import { Stack } from './stack.js';
import { type EntryOptions, tar } from './tar-builder.js';

/** A folder beside the root, with everything that an escape would change. */
function plantCanary(stack: Stack): { readonly folder: string; look(): unknown } {
  const folder = path.join(stack.folder, 'canary');
  mkdirSync(path.join(folder, 'dir'), { recursive: true });
  writeFileSync(path.join(folder, 'file'), 'canary');
  for (const name of ['file', 'dir', '.']) {
    chmodSync(path.join(folder, name), 0o700);
    chownSync(path.join(folder, name), 11, 12);
    utimesSync(path.join(folder, name), 1000, 1000);
  }
  const look = (): unknown =>
    ['.', 'dir', 'file'].map((name) => {
      const at = path.join(folder, name);
      const { mode, uid, gid, nlink, mtimeMs, ino } = lstatSync(at);
      return { name, mode, uid, gid, nlink, mtimeMs, ino, xattrs: linux.llistxattr(at).length, names: readdirSync(folder) };
    });
  return { folder, look };
}

const ways = (to: string): Record<string, EntryOptions[]> => ({
  'a file through a link to a directory': [
    { name: 'l', type: '2', link: to },
    { name: 'l/new', body: 'x' },
    { name: 'l/file', body: 'x' },
  ],
  'a file over a link to a file': [
    { name: 'l', type: '2', link: `${to}/file` },
    { name: 'l', body: 'x', mode: 0o777, uid: 5 },
  ],
  'a directory over a link to a directory': [
    { name: 'l', type: '2', link: `${to}/dir` },
    { name: 'l/', type: '5', mode: 0o777, uid: 5, pax: { 'SCHILY.xattr.user.x': 'x' } },
  ],
  'a whiteout through a link': [{ name: 'l', type: '2', link: to }, { name: 'l/.wh.file' }, { name: 'l/.wh.dir' }],
  'an opaque marker through a link': [{ name: 'l', type: '2', link: to }, { name: 'l/.wh..wh..opq' }],
  'removal of a directory with links in it': [
    { name: 'd/', type: '5' },
    { name: 'd/l', type: '2', link: to },
    { name: 'd', body: 'x' },
  ],
  'devices and fifos through a link': [
    { name: 'l', type: '2', link: to },
    { name: 'l/fifo', type: '6' },
    { name: 'l/file', type: '3', major: 1, minor: 3 },
  ],
  'links through links': [
    { name: 'a/b/', type: '5' },
    { name: 'a/b/up', type: '2', link: '../../../../..' },
    { name: 'l', type: '2', link: `a/b/up${to}` },
    { name: 'l/new', body: 'x' },
    { name: 'a/b/up/../../new' },
  ],
  'attributes and times on a link': [
    {
      name: 'l',
      type: '2',
      link: `${to}/file`,
      uid: 5,
      gid: 6,
      mode: 0o777,
      mtime: 5,
      pax: { 'SCHILY.xattr.trusted.x': 'x', mtime: '5.5' },
    },
  ],
  'a hard link to a link, written through': [
    { name: 'l', type: '2', link: `${to}/file` },
    { name: 'h', type: '1', link: 'l' },
    { name: 'h', body: 'x' },
  ],
  'long names': [{ name: 'x', pax: { path: `${'../'.repeat(200)}${to}/file` }, body: 'x' }],
});

test.each(Object.keys(ways('')))('%s leaves what is outside untouched', async (way) => {
  for (const link of ['absolute', 'relative']) {
    using stack = new Stack();
    const canary = plantCanary(stack);
    const before = canary.look();
    const to = link === 'absolute' ? canary.folder : '../canary';
    const parts = ways(to)[way] ?? [];
    // In one layer, and each entry in a layer of its own.
    await stack.apply(tar(...parts));
    for (const part of parts) await stack.apply(tar(part));
    expect(canary.look()).toEqual(before);
    expect(readFileSync(path.join(canary.folder, 'file'), 'utf8')).toBe('canary');
    expect(stack.listOverlay()).toEqual(stack.listDirectory());
  }
});

test('hard links to the outside are refused, also through links', async () => {
  using stack = new Stack();
  const canary = plantCanary(stack);
  const before = canary.look();
  for (const target of [`${canary.folder}/file`, '../canary/file', 'l/file']) {
    const layer = tar({ name: 'l', type: '2', link: canary.folder }, { name: 'h', type: '1', link: target });
    await expect(stack.applyDirectory(layer)).rejects.toMatchObject({ code: 'LAYER_LINK_INVALID' });
    await expect(stack.applyOverlay(layer)).rejects.toMatchObject({ code: 'LAYER_LINK_INVALID' });
  }
  expect(canary.look()).toEqual(before);
});

test('a target that is itself a symbolic link is refused', async () => {
  using stack = new Stack();
  const canary = plantCanary(stack);
  symlinkSync(canary.folder, path.join(stack.folder, 'layer0'));
  const { applyLayer } = await import('@slipway/layers');
  const target = { format: 'directory', path: path.join(stack.folder, 'layer0'), lower: [] } as const;
  await expect(applyLayer([tar({ name: 'x' })], target, { system: linux })).rejects.toThrow('ENOTDIR');
  expect(readdirSync(canary.folder)).toEqual(['dir', 'file']);
});

describe('directories deeper than the table of open ones', () => {
  const deep = (depth: number, letter = 'a'): string => Array.from({ length: depth }, () => letter).join('/');

  test.each([250, 256, 257, 384, 510])(
    'a directory that is replaced at depth %i is removed by descriptors that are open',
    async (depth) => {
      using stack = new Stack();
      const directory: EntryOptions = { name: 'x', type: '5', pax: { path: deep(depth) } };
      await stack.apply(tar(directory, { name: 'a' }));
      await stack.apply(tar(directory, { name: 'z', body: 'z' }, { name: 'x', pax: { path: `${deep(depth)}/f` } }));
      await stack.apply(tar({ name: 'a', body: 'a' }));
      expect(stack.listOverlay()).toEqual(stack.listDirectory());
      expect(Object.keys(stack.listDirectory())).toEqual(['.', 'a', 'z']);
    },
  );

  test('a deep and wide directory is removed without opening its chain for each part of it', async () => {
    using stack = new Stack();
    const children: EntryOptions[] = Array.from({ length: 200 }, (_, index) => ({
      name: 'x',
      type: '5',
      pax: { path: `${deep(400)}/${index}/${deep(100, 'b')}`.slice(0, index % 2 === 0 ? undefined : 820) },
    }));
    await stack.applyDirectory(tar(...children));
    await stack.applyDirectory(tar({ name: 'a', body: 'a' }));
    expect(readdirSync(stack.directory)).toEqual(['a']);
  });

  test('a hard link between two deep directories keeps both of them open', async () => {
    using stack = new Stack();
    const links = Array.from({ length: 4 }, (_, index): EntryOptions[] => [
      { name: 'x', type: '1', pax: { path: `${deep(500, 'b')}/${index}`, linkpath: `${deep(500)}/f` } },
      { name: 'x', type: '1', pax: { path: `${deep(500)}/${index}`, linkpath: `${deep(500, 'b')}/g` } },
    ]);
    const files: EntryOptions[] = [
      { name: 'x', body: 'f', pax: { path: `${deep(500)}/f` } },
      { name: 'x', body: 'g', pax: { path: `${deep(500, 'b')}/g` } },
    ];
    await stack.apply(tar(...files, ...links.flat()));
    const listing = stack.listDirectory();
    expect(stack.listOverlay()).toEqual(listing);
    expect(Object.keys(listing).filter((name) => /\/[0-9fg]$/.test(name))).toHaveLength(10);
  });
});

test('directories that only paths imply are counted like entries', async () => {
  using stack = new Stack();
  const limits = { ...defaultLimits, entries: 10 };
  const paths = (...names: string[]): Buffer => tar(...names.map((name) => ({ name })));
  await stack.apply(paths('a/b/c/d/x', 'e/f/g/h/i/x', 'a/b/y', 'e/y'), { limits });
  await expect(stack.apply(paths('1/2/3/4/5/x', '6/7/8/9/10/11/x'), { limits })).rejects.toMatchObject({
    code: 'LAYER_TOO_LARGE',
    details: { entry: '6/7/8/9/10/11/x' },
  });
});

test('a small layer does not become millions of directories', async () => {
  using stack = new Stack();
  const deep = 'd/'.repeat(480);
  const bomb = tar(...Array.from({ length: 100 }, (_, index) => ({ name: 'x', pax: { path: `${index}/${deep}x` } })));
  expect(zstdCompressSync(bomb).length).toBeLessThan(10_000);
  await expect(stack.apply(bomb)).rejects.toMatchObject({
    code: 'LAYER_TOO_LARGE',
    message: expect.stringContaining('directories that only the paths of entries imply'),
  });
});

describe('extended attributes without measure', () => {
  const many = (count: number, name: (index: number) => string): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`SCHILY.xattr.${name(index)}`, '']));

  test("tens of thousands of overlayfs' marks are dropped without looking for each among all", async () => {
    using stack = new Stack();
    const pax = many(25_000, (index) => `trusted.overlay.${index}`);
    const entries = Array.from({ length: 10 }, (_, index): EntryOptions => ({ name: `d${index}`, type: '5', pax }));
    await stack.apply(tar(...entries));
    expect(Object.keys(stack.listDirectory())).toHaveLength(11);
  });

  test.each([
    ['a value over 64 KiB', { 'SCHILY.xattr.user.long': 'v'.repeat(65_537) }, '"user.long" has 65537 bytes'],
    ['names over 64 KiB', many(25_000, (index) => `user.${index}`), 'the names of its 25000 extended attributes'],
  ])('%s are refused with the name of the entry', async (_, pax, problem) => {
    using stack = new Stack();
    await expect(stack.apply(tar({ name: 'dir/x', pax }))).rejects.toMatchObject({
      code: 'LAYER_HEADER_INVALID',
      message: expect.stringContaining(problem),
      details: { entry: 'dir/x' },
    });
  });

  test('the last record of a name counts', async () => {
    using stack = new Stack();
    const pax: [string, string][] = [
      ['SCHILY.xattr.user.x', 'v'.repeat(70_000)],
      ['SCHILY.xattr.user.y', 'y'],
      ['SCHILY.xattr.user.x', 'last'],
    ];
    await stack.apply(tar({ name: 'x', pax }));
    expect(stack.listDirectory()['x']?.xattrs).toEqual({ 'user.x': 'last', 'user.y': 'y' });
  });
});

test('a symbolic link to more than a path can have is refused with the name of the entry', async () => {
  using stack = new Stack();
  const link = (length: number): Buffer => tar({ name: 'l', type: '2', pax: { linkpath: 'l/'.repeat(length).slice(0, length) } });
  await stack.apply(link(4095));
  await expect(stack.apply(link(4096))).rejects.toMatchObject({ code: 'LAYER_LINK_INVALID', details: { entry: 'l' } });
});
