import { gzipSync, zstdCompressSync } from 'node:zlib';
import { type TarSpec, tarOf } from '@slipway/fixtures';
import { expect, test } from 'vitest';
import { type TreeEntry, treeOfLayers } from '../src/index.ts';

const base: readonly TarSpec[] = [
  { path: 'etc/', type: 'd', mode: 0o755 },
  { path: 'etc/passwd', body: 'old\n' },
  { path: 'dir/', type: 'd', mode: 0o750, uid: 7, gid: 8, mtimeNs: 42n },
  { path: 'dir/low', body: 'low\n' },
  { path: 'dir/sub/', type: 'd' },
  { path: 'dir/sub/deep', body: 'deep\n' },
  { path: 'lnkdir', type: 'l', link: 'dir' },
  { path: 'abs', type: 'l', link: '/etc' },
  { path: 'out', type: 'l', link: '/somewhere' },
  { path: 'file', body: 'file\n' },
];

function tree(...layers: (readonly TarSpec[])[]): Map<string, TreeEntry> {
  return new Map(treeOfLayers([tarOf(base), ...layers.map((members) => tarOf(members))]).map((entry) => [entry.path, entry]));
}

function below(folder: string, ...layers: (readonly TarSpec[])[]): string[] {
  return [...tree(...layers).keys()].filter((path) => path.startsWith(`${folder}/`));
}

test('plain, gzip and zstd layers are read', () => {
  const [one, two, three] = [[{ path: 'a' }], [{ path: 'b' }], [{ path: 'c' }]].map((members) => tarOf(members)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  expect(treeOfLayers([one, gzipSync(two), zstdCompressSync(three)]).map(({ path }) => path)).toEqual(['/', '/a', '/b', '/c']);
});

test('a whiteout hides what is lower, never what its own layer adds, in any order', () => {
  expect(below('/etc', [{ path: 'etc/.wh.passwd' }])).toEqual([]);
  expect(tree([{ path: 'etc/passwd', body: 'new\n' }, { path: 'etc/.wh.passwd' }]).get('/etc/passwd')?.size).toBe(4);
  expect(below('/dir', [{ path: '.wh.dir' }, { path: 'dir/', type: 'd' }, { path: 'dir/n' }])).toEqual(['/dir/n']);
  expect(tree([{ path: 'missing/.wh.x' }]).has('/missing')).toBe(false);
});

test('an opaque marker hides all that is lower, in any order', () => {
  const marker = { path: 'dir/.wh..wh..opq' };
  expect(below('/dir', [marker, { path: 'dir/n' }])).toEqual(['/dir/n']);
  expect(below('/dir', [{ path: 'dir/n' }, marker])).toEqual(['/dir/n']);
  expect([...tree([{ path: '.wh..wh..opq' }]).keys()]).toEqual(['/']);
});

test('a marker speaks of the lower directory behind a link, unless its own layer puts a directory there', () => {
  expect(below('/dir', [{ path: 'lnkdir/.wh.low' }])).toEqual(['/dir/sub', '/dir/sub/deep']);
  expect(below('/dir', [{ path: 'lnkdir/', type: 'd' }, { path: 'lnkdir/.wh.low' }])).toContain('/dir/low');
});

test.each(['.wh.', '.wh..', '.wh...'])('%s is no whiteout', (path) => {
  expect(() => tree([{ path }])).toThrow('is no valid whiteout');
});

test('names stay inside the root, through links too', () => {
  const paths = [
    ...tree([{ path: '../esc' }, { path: 'a/../../b' }, { path: '/c' }, { path: 'out/pwn' }, { path: 'abs/new' }]).keys(),
  ];
  expect(paths).toEqual(expect.arrayContaining(['/esc', '/b', '/c', '/somewhere/pwn', '/etc/new']));
});

test('a folder that a layer does not list keeps all it had, and a listed one takes the new attributes and keeps its children', () => {
  expect(tree([{ path: 'dir/in' }]).get('/dir')).toMatchObject({ mode: '0750', uid: 7, gid: 8, mtimeNs: '42' });
  const listed = tree([{ path: 'dir/', type: 'd', mode: 0o700, mtimeNs: 1n }]);
  expect(listed.get('/dir')).toMatchObject({ mode: '0700', uid: 0, mtimeNs: '1' });
  expect(listed.has('/dir/low')).toBe(true);
  expect(tree([{ path: 'new/x' }]).get('/new')).toMatchObject({ mode: '0755', uid: 0, mtimeNs: null });
});

test('any other clash removes the old', () => {
  expect(tree([{ path: 'file/', type: 'd' }]).get('/file')?.type).toBe('d');
  expect(below('/dir', [{ path: 'dir', body: 'x' }])).toEqual([]);
  expect(below('/lnkdir', [{ path: 'lnkdir/', type: 'd' }])).toEqual([]);
  expect(tree([{ path: 'file/in' }]).has('/file/in')).toBe(true);
});

test('a hard link joins a file of its own or of a lower layer, and a link itself', () => {
  const linked = tree([
    { path: 'x', type: 'h', link: '/etc/passwd' },
    { path: 'y', type: 'h', link: 'x' },
  ]);
  expect([linked.get('/etc/passwd')?.hardLinkOf, linked.get('/x')?.hardLinkOf, linked.get('/y')?.hardLinkOf]).toEqual(
    Array(3).fill('/etc/passwd'),
  );
  expect(tree([{ path: 'z', type: 'h', link: 'lnkdir' }]).get('/z')?.type).toBe('l');
  expect(() => tree([{ path: 'x', type: 'h', link: 'missing' }])).toThrow('"missing" is missing');
  expect(() => tree([{ path: 'x', type: 'h', link: 'dir' }])).toThrow('is a directory');
});

test('numbers, names and attributes of every header format are exact', () => {
  const long = `${'d'.repeat(90)}/${'n'.repeat(60)}`;
  const made = tree(
    [
      { path: long, format: 'gnu', uid: 3_000_000, mtimeNs: -1_000_000_000n },
      { path: `${'d'.repeat(90)}/${'p'.repeat(60)}`, uid: 3_000_000, mtimeNs: -1n },
      {
        path: Buffer.from('ff0a', 'hex'),
        xattrs: { 'user.a': Buffer.from('000a3d', 'hex'), 'trusted.overlay.opaque': Buffer.from('y') },
      },
    ],
    [{ path: `${'d'.repeat(90)}/${'q'.repeat(160)}` }],
  );
  expect(made.get(`/${long}`)).toMatchObject({ uid: 3_000_000, mtimeNs: '-1000000000' });
  expect(made.get(`/${'d'.repeat(90)}/${'p'.repeat(60)}`)).toMatchObject({ uid: 3_000_000, mtimeNs: '-1' });
  expect(made.get('/\\xff\\x0a')?.xattrs).toEqual({ 'user.a': '000a3d' });
  expect(made.has(`/${'d'.repeat(90)}/${'q'.repeat(160)}`)).toBe(true);
});

test('what no layer may hold is refused', () => {
  expect(() => tree([{ path: 'dev', type: 'c', device: [0, 0] }])).toThrow('0:0');
  expect(() => tree([{ path: './', type: 'l', link: 'x' }])).toThrow('it can only be a directory');
  expect(() => tree([{ path: 'a', type: 'l', link: 'b' }, { path: 'b', type: 'l', link: 'a' }, { path: 'a/x' }])).toThrow(
    'too many symbolic links',
  );
  const damaged = tarOf([{ path: 'x' }]);
  damaged[0] = 0x79;
  expect(() => treeOfLayers([damaged])).toThrow('wrong checksum');
});
