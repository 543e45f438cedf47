import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isSlipwayError, type SlipwayError } from '@slipway/plugin-api';
import { describe, expect, test } from 'vitest';
import { Stack } from './stack.js';
import { type EntryOptions, entry, long, number, record, tar, unended } from './tar-builder.js';
import { type Listing, names } from './tree-listing.js';

const base = tar(
  { name: './', type: '5', mode: 0o755, mtime: 50 },
  { name: 'etc/', type: '5', mtime: 100 },
  { name: 'etc/passwd', body: 'root', mtime: 101 },
  { name: 'dir/', type: '5', mode: 0o751, uid: 3, gid: 4, mtime: 111, pax: { 'SCHILY.xattr.user.kept': 'yes' } },
  { name: 'dir/low', body: 'low', mtime: 112 },
  { name: 'dir/sub/', type: '5', mode: 0o700, mtime: 113 },
  { name: 'dir/sub/deep', body: 'deep', mtime: 114 },
  { name: 'lnkdir', type: '2', link: 'dir', mtime: 115 },
  { name: 'abs', type: '2', link: '/etc', mtime: 116 },
  {
    name: 'file',
    body: 'file',
    mode: 0o640,
    uid: 5,
    gid: 6,
    mtime: 117,
    pax: { 'SCHILY.xattr.user.f': Buffer.from([0, 1, 255]) },
  },
  { name: 'keep/', type: '5', mode: 0o750, uid: 7, gid: 8, mtime: 118 },
);

/** Cases with a layer that can only be applied in order. */
const inOrder = new Set<string>();
/** Cases with a layer that is staged to other bytes of an image, though to the same tree. */
const otherMarks = new Set<string>();

/** The tree that the layers make over the base, after checking that all ways agree on it. */
async function applied(...layers: (Buffer | readonly (Buffer | EntryOptions)[])[]): Promise<Listing> {
  using stack = new Stack();
  for (const layer of [base, ...layers]) {
    const bytes = Buffer.isBuffer(layer) ? layer : tar(...(layer as (Buffer | EntryOptions)[]));
    // In small chunks, so that every header and body is cut somewhere.
    await stack.apply(bytes, { chunk: 1000 });
  }
  const listing = stack.listDirectory();
  expect(stack.listOverlay()).toEqual(listing);
  expect(stack.listStaged()).toEqual(listing);
  for (const images of stack.listImages()) expect(images).toEqual(listing);
  if (stack.ways.every((way) => way === 'staged') && !stack.areStagedImagesSame())
    otherMarks.add(expect.getState().currentTestName ?? '');
  if (stack.ways.some((way) => way !== 'staged')) inOrder.add(expect.getState().currentTestName ?? '');
  expect(stack.warnings).toEqual([]);
  return listing;
}

/** The error of all ways, after checking that it left everything of the layers below. */
async function refused(...parts: (Buffer | EntryOptions)[]): Promise<SlipwayError> {
  return refusedBytes(tar(...parts));
}

async function refusedBytes(layer: Buffer): Promise<SlipwayError> {
  using stack = new Stack();
  await stack.apply(base);
  const before = names(stack.listDirectory());
  const errors: unknown[] = [];
  for (const chunk of [layer.length || 1, 700]) {
    await stack.applyDirectory(layer, { chunk }).catch((error: unknown) => errors.push(error));
    await stack.applyOverlay(layer, { chunk }).catch((error: unknown) => errors.push(error));
    await stack.applyStaged(layer, { chunk }).catch((error: unknown) => errors.push(error));
    for (const images of stack.images) {
      await stack.applyImage(images, layer, { chunk }).catch((error: unknown) => errors.push(error));
      await stack.applyStagedImage(images, layer, { chunk }).catch((error: unknown) => errors.push(error));
    }
  }
  expect(errors).toHaveLength(14);
  expect(names(stack.listDirectory())).toEqual(expect.arrayContaining(before));
  const [error] = errors;
  if (!isSlipwayError(error)) throw error;
  for (const other of errors) expect(other).toMatchObject({ kind: error.kind, code: error.code, message: error.message });
  return error;
}

const unchanged = (await applied()) as Listing;
const baseNames = names(unchanged);

describe('names', () => {
  test('dot-dot and a leading slash are clamped to the root', async () => {
    const tree = await applied([{ name: '../esc' }, { name: 'a/../../b' }, { name: '/abs2' }, { name: '/../../abs3' }]);
    expect(names(tree).filter((name) => !baseNames.includes(name))).toEqual(['abs2', 'abs3', 'b', 'esc']);
  });

  test('a symbolic link to the outside leads inside the root', async () => {
    const tree = await applied([
      { name: 'out', type: '2', link: '/somewhere' },
      { name: 'out/pwn', body: 'x' },
    ]);
    expect(tree['somewhere/pwn']?.content).toBe('x');
    expect(tree['out']).toMatchObject({ type: 'symlink', content: '/somewhere' });
    expect(tree['somewhere']).toMatchObject({ mode: '755', owner: '0:0' });
  });

  test('a parent that is a symbolic link of a layer below is followed and stays', async () => {
    const tree = await applied([
      { name: 'abs/new', body: 'n' },
      { name: 'lnkdir/more', body: 'm' },
      { name: 'lnkdir/sub/in', body: 'i' },
    ]);
    expect(tree['etc/new']?.content).toBe('n');
    expect(tree['dir/more']?.content).toBe('m');
    expect(tree['dir/sub/in']?.content).toBe('i');
    expect(tree['abs']).toEqual(unchanged['abs']);
    expect(tree['lnkdir']).toEqual(unchanged['lnkdir']);
  });

  test('a chain of links with dot-dot is resolved against the merged view', async () => {
    const tree = await applied(
      [{ name: 'dir/sub/up', type: '2', link: '../../abs/../../../keep' }],
      [{ name: 'lnkdir/sub/up/in' }],
    );
    expect(names(tree)).toContain('keep/in');
  });

  test('endless links are an error', async () => {
    const error = await refused({ name: 'a', type: '2', link: 'b' }, { name: 'b', type: '2', link: 'a' }, { name: 'a/in' });
    expect(error).toMatchObject({ kind: 'invalid-argument', code: 'LAYER_LINK_LOOP' });
    expect(error.message).toContain('"a/in"');
  });

  test('bytes that are no UTF-8, newlines and control characters survive', async () => {
    const odd = Buffer.from([0x61, 0xff, 0x0a, 0x1b, 0xc3, 0x28]);
    const tree = await applied([
      { name: odd, body: 'odd' },
      { name: Buffer.concat([odd, Buffer.from('d/')]), type: '5' },
      { name: 'x', pax: { path: Buffer.concat([odd, Buffer.from('d/'), odd]) } },
      { name: 'Case' },
      { name: 'case' },
      { name: 'e\u0301' },
      { name: '\u00e9' },
    ]);
    const name = odd.toString('latin1');
    expect(tree[name]?.content).toBe('odd');
    for (const other of [
      `${name}d/${name}`,
      'Case',
      'case',
      ...['e\u0301', '\u00e9'].map((text) => Buffer.from(text).toString('latin1')),
    ])
      expect(names(tree)).toContain(other);
  });

  test('a symbolic link of bytes that are no UTF-8 is followed', async () => {
    const odd = Buffer.from([0xfe, 0xff]);
    const tree = await applied(
      [
        { name: odd, type: '5' },
        { name: 'l', type: '2', link: odd },
      ],
      [{ name: 'l/in' }],
    );
    expect(names(tree)).toContain(`${odd.toString('latin1')}/in`);
  });

  test('an entry that stands for the root must be a directory', async () => {
    for (const name of ['.', './', '/', '..', 'dir/..', './/.'])
      expect(await refused({ name, type: '2', link: 'x' })).toMatchObject({ code: 'LAYER_NAME_INVALID' });
    expect(await refused({ name: '' })).toMatchObject({ code: 'LAYER_NAME_INVALID' });
    expect(await refused({ name: '', type: '5' })).toMatchObject({ code: 'LAYER_NAME_INVALID' });
  });

  test('NUL in a name, a long component, an empty link are errors', async () => {
    expect(await refused({ name: 'x', pax: { path: 'a\0b' } })).toMatchObject({ code: 'LAYER_NAME_INVALID' });
    expect(await refused({ name: 'x', type: '2', link: 'y', pax: { linkpath: 'a\0b' } })).toMatchObject({
      code: 'LAYER_NAME_INVALID',
    });
    expect(await refused(long('L', 'a\0b'), { name: 'x' })).toMatchObject({ code: 'LAYER_NAME_INVALID' });
    for (const name of ['n'.repeat(300), `${'n'.repeat(300)}/in`, `dir/${'n'.repeat(256)}`])
      expect(await refused({ name: 'x', pax: { path: name } })).toMatchObject({ code: 'LAYER_NAME_INVALID' });
    expect(await refused({ name: 'x', type: '2' })).toMatchObject({ code: 'LAYER_LINK_INVALID' });
  });
});

describe('hard links', () => {
  test('outside the root: error, and the host is untouched', async () => {
    using stack = new Stack();
    const outside = path.join(stack.folder, 'canary');
    writeFileSync(outside, 'canary');
    await stack.apply(base);
    for (const link of ['../canary', `../../../../../..${outside}`, outside]) {
      const layer = tar({ name: 'stolen', type: '1', link });
      await expect(stack.applyDirectory(layer)).rejects.toMatchObject({ code: 'LAYER_LINK_INVALID' });
      await expect(stack.applyOverlay(layer)).rejects.toMatchObject({ code: 'LAYER_LINK_INVALID' });
    }
    expect(lstatSync(outside).nlink).toBe(1);
  });

  test.each(['file', '/file', './dir/../file', 'abs/../file'])('to a lower file by %s', async (link) => {
    using stack = new Stack();
    await stack.apply(base);
    await stack.apply(tar({ name: 'linked', type: '1', link, size: 5 }, { name: 'after', body: 'a' }));
    for (const tree of [stack.listDirectory(), stack.listOverlay()]) {
      expect(tree['linked']).toEqual(unchanged['file']);
      expect(tree['file']).toEqual(unchanged['file']);
      expect(tree['after']?.content).toBe('a');
    }
    expect(lstatSync(path.join(stack.directory, 'linked')).ino).toBe(lstatSync(path.join(stack.directory, 'file')).ino);
    stack.onOverlay((root) => expect(lstatSync(`${root}/linked`).ino).toBe(lstatSync(`${root}/file`).ino));
  });

  test('to a file deep in a layer below keeps the attributes of its parents', async () => {
    const tree = await applied([{ name: 'x', type: '1', link: 'dir/sub/deep' }]);
    expect({ ...tree, x: undefined, '.': undefined }).toEqual({ ...unchanged, x: undefined, '.': undefined });
    expect(tree['x']).toEqual(unchanged['dir/sub/deep']);
  });

  test('to a symbolic link links the link itself', async () => {
    const tree = await applied([
      { name: 'l2', type: '1', link: 'lnkdir' },
      { name: 'own', type: '2', link: '/etc', mtime: 9 },
      { name: 'own2', type: '1', link: 'own' },
      { name: 'own2/in' },
      { name: 'l2/in' },
    ]);
    expect(tree['l2']).toEqual(unchanged['lnkdir']);
    expect(tree['own2']).toEqual(tree['own']);
    expect(names(tree)).toEqual(expect.arrayContaining(['etc/in', 'dir/in']));
  });

  test('to a fifo and a device of a layer below', async () => {
    const special = [
      { name: 'fifo', type: '6', mode: 0o620, uid: 1 },
      { name: 'dev', type: '3', major: 300, minor: 70_000, mode: 0o600 },
    ];
    const tree = await applied(special, [
      { name: 'fifo2', type: '1', link: 'fifo' },
      { name: 'dev2', type: '1', link: 'dev' },
    ]);
    expect(tree['fifo2']).toEqual(tree['fifo']);
    expect(tree['dev2']).toEqual(tree['dev']);
    expect(tree['dev2']?.device).toBeGreaterThan(0n);
  });

  test.each([
    ['that is missing', 'x', 'nothing'],
    ['under a missing parent', 'x', 'nothing/file'],
    ['that is a directory', 'x', 'dir'],
    ['that is the root', 'x', '/'],
    ['that is empty', 'x', ''],
    ['that is itself', 'file', 'file'],
    ['that is itself by another name', 'lnkdir/low', './dir//low'],
    ['in a directory that it replaces', 'dir', 'dir/sub/deep'],
    ['that it needs as a directory', 'file/x', 'file'],
  ])('to a target %s: error naming both, nothing deleted', async (_, name, link) => {
    const error = await refused({ name, type: '1', link });
    expect(error).toMatchObject({ kind: 'invalid-argument', code: 'LAYER_LINK_INVALID' });
    expect(error.message).toContain(`"${name}"`);
    expect(error.message).toContain(`"${link}"`);
  });

  test('to a file that the layer has hidden: error', async () => {
    expect(await refused({ name: 'own' }, { name: '.wh.missing' }, { name: 'x', type: '1', link: 'missing' })).toMatchObject({
      code: 'LAYER_LINK_INVALID',
    });
  });

  test('replaces what was there, and the old name may be hidden afterwards', async () => {
    const tree = await applied([{ name: 'dir', type: '1', link: 'file' }, { name: '.wh.file' }]);
    expect(tree['dir']).toEqual(unchanged['file']);
    expect(names(tree)).toEqual(['abs', 'dir', 'etc', 'etc/passwd', 'keep', 'lnkdir']);
  });
});

describe('whiteouts', () => {
  test.each([
    ['file', 'file', ['file']],
    ['directory', 'dir', ['dir', 'dir/low', 'dir/sub', 'dir/sub/deep']],
    ['symbolic link', 'lnkdir', ['lnkdir']],
    ['file through a link', 'abs/passwd', ['etc/passwd']],
  ])('of a %s', async (_, hidden, gone) => {
    const tree = await applied([{ name: path.join(path.dirname(hidden), `.wh.${path.basename(hidden)}`) }]);
    expect(names(tree)).toEqual(baseNames.filter((name) => !gone.includes(name)));
  });

  test('of what is not there leave nothing', async () => {
    using stack = new Stack();
    await stack.apply(base);
    await stack.apply(
      tar({ name: '.wh.nothing' }, { name: 'missing/.wh.x' }, { name: 'file/.wh.x' }, { name: 'dir/.wh.nothing' }),
    );
    expect(stack.listDirectory()).toEqual(unchanged);
    expect(stack.listOverlay()).toEqual(unchanged);
  });

  test('never hide what the same layer adds', async () => {
    expect((await applied([{ name: 'etc/new' }, { name: 'etc/.wh.new' }]))['etc/new']).toBeDefined();
    expect((await applied([{ name: 'etc/.wh.passwd' }, { name: 'etc/passwd', body: 'new' }]))['etc/passwd']?.content).toBe('new');
    expect((await applied([{ name: 'etc/passwd', body: 'new' }, { name: 'etc/.wh.passwd' }]))['etc/passwd']?.content).toBe('new');
  });

  test.each([
    ['first', [{ name: '.wh.dir' }, { name: 'dir/', type: '5' }, { name: 'dir/n' }]],
    ['in the middle', [{ name: 'dir/', type: '5' }, { name: '.wh.dir' }, { name: 'dir/n' }]],
    ['last', [{ name: 'dir/', type: '5' }, { name: 'dir/n' }, { name: '.wh.dir' }]],
    ['first, unlisted', [{ name: '.wh.dir' }, { name: 'dir/n' }]],
    ['last, unlisted', [{ name: 'dir/n' }, { name: '.wh.dir' }]],
    ['after a nested whiteout', [{ name: 'dir/n' }, { name: 'dir/.wh.low' }, { name: 'dir/sub/.wh.deep' }, { name: '.wh.dir' }]],
    ['after an opaque marker', [{ name: 'dir/.wh..wh..opq' }, { name: 'dir/n' }, { name: '.wh.dir' }]],
    ['twice', [{ name: '.wh.dir' }, { name: 'dir/n' }, { name: '.wh.dir' }]],
  ])('of a directory that comes anew: %s', async (order, layer) => {
    const tree = await applied(layer);
    expect(names(tree).filter((name) => name.startsWith('dir'))).toEqual(['dir', 'dir/n']);
    const listed = layer.some((part) => part.name === 'dir/');
    expect(tree['dir'], order).toMatchObject({ mode: '755', owner: '0:0', mtimeNs: listed ? 1_000_000n * 10n ** 9n : 0n });
    expect(tree['dir']?.xattrs).toBeUndefined();
  });

  test.each([
    ['before', [{ name: 'dir/.wh..wh..opq' }, { name: 'dir/n' }]],
    ['after', [{ name: 'dir/n' }, { name: 'dir/.wh..wh..opq' }]],
    ['after a whiteout', [{ name: 'dir/.wh.low' }, { name: 'dir/n' }, { name: 'dir/.wh..wh..opq' }]],
    ['after a hard link to what it hides', [{ name: 'dir/n', type: '1', link: 'dir/low' }, { name: 'dir/.wh..wh..opq' }]],
  ])('opaque marker %s', async (_, layer) => {
    const tree = await applied(layer);
    expect(names(tree).filter((name) => name.startsWith('dir'))).toEqual(['dir', 'dir/n']);
    expect(tree['dir']).toEqual(unchanged['dir']);
  });

  test('opaque marker with own content below an unlisted directory', async () => {
    const layers = [{ name: 'dir/sub/n' }, { name: 'dir/.wh..wh..opq' }];
    const tree = await applied(layers);
    expect(tree).toEqual(await applied([...layers].reverse()));
    expect(names(tree).filter((name) => name.startsWith('dir'))).toEqual(['dir', 'dir/sub', 'dir/sub/n']);
    expect(tree['dir/sub']).toMatchObject({ mode: '755', mtimeNs: 0n });
  });

  test('opaque marker at the root hides everything below', async () => {
    for (const layer of [
      [{ name: '.wh..wh..opq' }, { name: 'dir/n' }],
      [{ name: 'dir/n' }, { name: './.wh..wh..opq' }],
    ]) {
      const tree = await applied(layer);
      expect(names(tree)).toEqual(['dir', 'dir/n']);
      expect(tree['dir']?.mode).toBe('755');
    }
  });

  test('a layer over whiteouts and opaque directories sees what is left', async () => {
    const hide = [{ name: '.wh.keep' }, { name: 'dir/.wh..wh..opq' }, { name: 'etc/.wh.passwd' }, { name: '.wh..wh..opq' }];
    const tree = await applied(hide, [
      { name: 'keep/in' },
      { name: 'dir/sub/x' },
      { name: 'etc/.wh.passwd' },
      { name: '.wh.file' },
    ]);
    expect(names(tree)).toEqual(['dir', 'dir/sub', 'dir/sub/x', 'keep', 'keep/in']);
    expect(tree['keep']).toMatchObject({ mode: '755', owner: '0:0' });
  });

  test.each(['.wh.', '.wh..', '.wh...', 'dir/.wh.', 'dir/.wh..', 'dir/.wh...'])('%s is an error', async (name) => {
    expect(await refused({ name })).toMatchObject({ kind: 'invalid-argument', code: 'LAYER_WHITEOUT_INVALID' });
  });

  test('below a whiteout nothing can be', async () => {
    expect(await refused({ name: '.wh.dir/x' })).toMatchObject({ code: 'LAYER_WHITEOUT_INVALID' });
    expect(await refused({ name: 'l', type: '2', link: '.wh.dir' }, { name: 'l/x' })).toMatchObject({
      code: 'LAYER_WHITEOUT_INVALID',
    });
  });

  test("AUFS's own files are skipped", async () => {
    const tree = await applied([
      { name: '.wh..wh.plnk/', type: '5' },
      { name: '.wh..wh.plnk/12.34', body: 'x' },
      { name: '.wh..wh.aufs', body: 'y' },
      { name: 'dir/.wh..wh.orph/', type: '5' },
    ]);
    expect(tree).toEqual(unchanged);
  });

  test('of many kinds with bodies are markers all the same', async () => {
    const tree = await applied([{ name: '.wh.file', body: 'x'.repeat(3000) }, { name: '.wh.dir/', type: '5' }, { name: 'ok' }]);
    expect(names(tree)).toEqual(['abs', 'etc', 'etc/passwd', 'keep', 'lnkdir', 'ok']);
  });
});

describe('clashes', () => {
  test('directory over directory replaces the attributes and keeps the children', async () => {
    const tree = await applied([
      { name: 'dir/', type: '5', mode: 0o1777, uid: 9, gid: 10, mtime: 77, pax: { 'SCHILY.xattr.user.new': 'n' } },
    ]);
    expect(tree['dir']).toEqual({
      type: 'directory',
      mode: '1777',
      owner: '9:10',
      mtimeNs: 77n * 10n ** 9n,
      xattrs: { 'user.new': 'n' },
    });
    expect({ ...tree, dir: undefined }).toEqual({ ...unchanged, dir: undefined });
  });

  test.each([
    ['directory over file', { name: 'file/', type: '5' }, 'file', 'directory'],
    ['file over a full directory', { name: 'dir', body: 'x' }, 'dir', 'file'],
    ['symbolic link over directory', { name: 'dir', type: '2', link: 'x' }, 'dir', 'symlink'],
    ['directory over a link to a directory', { name: 'lnkdir/', type: '5' }, 'lnkdir', 'directory'],
    ['fifo over a directory', { name: 'dir', type: '6' }, 'dir', 'fifo'],
    ['file over a symbolic link', { name: 'abs', body: 'x' }, 'abs', 'file'],
  ])('%s', async (_, layer, name, type) => {
    const tree = await applied([layer]);
    expect(tree[name]?.type).toBe(type);
    expect(names(tree)).toEqual(baseNames.filter((other) => other === name || !other.startsWith(`${name}/`)));
  });

  test('a directory that was something else meanwhile has nothing of the old', async () => {
    for (const between of [{ name: 'dir', body: 'x' }, { name: 'dir', type: '2', link: 'etc' }, { name: '.wh.dir' }])
      expect(names(await applied([between, { name: 'dir/', type: '5' }])).filter((name) => name.startsWith('dir'))).toEqual([
        'dir',
      ]);
    const tree = await applied([{ name: 'dir', body: 'x' }], [{ name: 'dir/', type: '5' }, { name: 'dir/n' }]);
    expect(names(tree).filter((name) => name.startsWith('dir'))).toEqual(['dir', 'dir/n']);
  });

  test('a parent that is a file below becomes a directory', async () => {
    const tree = await applied([{ name: 'file/in', body: 'i' }]);
    expect(tree['file']).toMatchObject({ type: 'directory', mode: '755', owner: '0:0' });
    expect(tree['file/in']?.content).toBe('i');
  });

  test('a parent that the layer does not mention keeps its attributes', async () => {
    const tree = await applied([{ name: 'keep/in' }, { name: 'dir/sub/in' }]);
    for (const name of ['.', 'keep', 'dir', 'dir/sub']) expect(tree[name]).toEqual(unchanged[name]);
  });

  test('missing parents are 0755 root', async () => {
    const tree = await applied([{ name: 'p/q/r/file', uid: 5 }]);
    for (const name of ['p', 'p/q', 'p/q/r'])
      expect(tree[name]).toMatchObject({ type: 'directory', mode: '755', owner: '0:0', mtimeNs: 0n });
  });

  test('of two entries of one name the last counts', async () => {
    const tree = await applied([
      { name: 'twice', body: 'first' },
      { name: 'twice', body: 'second' },
      { name: 'd/', type: '5', mode: 0o700 },
      { name: 'd/x' },
      { name: 'd/', type: '5', mode: 0o711 },
      { name: 'e/x' },
      { name: 'e', body: 'file' },
    ]);
    expect(tree['twice']?.content).toBe('second');
    expect(tree['d']?.mode).toBe('711');
    expect(names(tree)).toContain('d/x');
    expect(tree['e']?.type).toBe('file');
  });

  test('a link that was followed and then replaced is not followed any more', async () => {
    const tree = await applied([
      { name: 'l', type: '2', link: 'keep' },
      { name: 'l/one' },
      { name: 'l', type: '2', link: 'etc' },
      { name: 'l/two' },
      { name: 'l/', type: '5' },
      { name: 'l/three' },
    ]);
    expect(names(tree).filter((name) => !baseNames.includes(name))).toEqual(['etc/two', 'keep/one', 'l', 'l/three']);
  });
});

describe('attributes', () => {
  test('of the root', async () => {
    const tree = await applied([{ name: './', type: '5', mode: 0o711, uid: 1, gid: 2, mtime: 3 }]);
    expect(tree['.']).toEqual({ type: 'directory', mode: '711', owner: '1:2', mtimeNs: 3n * 10n ** 9n });
  });

  test('of the root that no layer lists do not tell when it was made', async () => {
    using stack = new Stack();
    await stack.apply(tar({ name: 'x' }));
    expect(stack.listDirectory()['.']).toEqual({ type: 'directory', mode: '755', owner: '0:0', mtimeNs: 0n });
    expect(stack.listOverlay()).toEqual(stack.listDirectory());
  });

  test('a directory keeps its time when children follow, and mode 000 gets its children', async () => {
    const tree = await applied([
      { name: 'd/', type: '5', mode: 0, mtime: 5 },
      { name: 'd/e/', type: '5', mode: 0, mtime: 6 },
      { name: 'd/e/f', body: 'f' },
    ]);
    expect(tree['d']).toMatchObject({ mode: '0', mtimeNs: 5n * 10n ** 9n });
    expect(tree['d/e']).toMatchObject({ mode: '0', mtimeNs: 6n * 10n ** 9n });
    expect(tree['d/e/f']?.content).toBe('f');
  });

  test('setuid and capabilities survive the change of owner', async () => {
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
    const tree = await applied([
      { name: 'suid', mode: 0o4755, uid: 1000, body: 'x' },
      { name: 'sgid', mode: 0o2711, gid: 1000, body: 'x' },
      { name: 'cap', mode: 0o755, uid: 1000, body: 'x', pax: { 'SCHILY.xattr.security.capability': capability } },
      { name: 'link', type: '2', link: 'nowhere', uid: 12, gid: 13, mtime: 14 },
    ]);
    expect(tree['suid']).toMatchObject({ mode: '4755', owner: '1000:0' });
    expect(tree['sgid']).toMatchObject({ mode: '2711', owner: '0:1000' });
    expect(tree['cap']?.xattrs).toEqual({ 'security.capability': capability.toString('latin1') });
    expect(tree['link']).toMatchObject({ owner: '12:13', mtimeNs: 14n * 10n ** 9n });
  });

  test('every permission bit comes through the umask', async () => {
    const modes = [0o777, 0o666, 0o022, 0o1777, 0o7777, 0];
    const layer = modes.flatMap((mode) => [
      { name: `f${mode}`, mode },
      { name: `d${mode}/`, type: '5', mode },
      { name: `p${mode}`, type: '6', mode },
    ]);
    const tree = await applied(layer);
    for (const mode of modes) for (const kind of ['f', 'd', 'p']) expect(tree[`${kind}${mode}`]?.mode).toBe(mode.toString(8));
  });

  test('setgid directories and default access control lists pass nothing on', async () => {
    // One entry for the owner, group and others, as posix_acl(5) is stored: version 2, then tag, permissions, id.
    const acl = Buffer.from('0200000001000700ffffffff04000500ffffffff20000500ffffffff', 'hex');
    const parent = [
      { name: 'sg/', type: '5', mode: 0o2775, gid: 50 },
      { name: 'acl/', type: '5', pax: { 'SCHILY.xattr.system.posix_acl_default': acl } },
    ];
    const children = ['sg', 'acl'].flatMap((name) => [
      { name: `${name}/f`, mode: 0o666, body: 'x' },
      { name: `${name}/d/`, type: '5', mode: 0o777 },
      { name: `${name}/p`, type: '6', mode: 0o666 },
      { name: `${name}/l`, type: '2', link: 'x' },
    ]);
    const together = await applied([...parent, ...children]);
    const apart = await applied(parent, children);
    expect(apart).toEqual(together);
    for (const name of ['sg', 'acl']) {
      expect(together[`${name}/f`]).toMatchObject({ mode: '666', owner: '0:0' });
      expect(together[`${name}/d`]).toMatchObject({ mode: '777', owner: '0:0' });
      expect(together[`${name}/p`]).toMatchObject({ mode: '666', owner: '0:0' });
      for (const child of ['f', 'd', 'p', 'l']) expect(together[`${name}/${child}`]?.xattrs).toBeUndefined();
    }
    expect(together['acl']?.xattrs).toEqual({ 'system.posix_acl_default': acl.toString('latin1') });
  });

  test('long paths, large numbers, fractions and times before 1970 are exact', async () => {
    const longPath = `${'p'.repeat(120)}/${'q'.repeat(130)}`;
    const tree = await applied([
      { name: 'x', body: 'long', pax: { path: longPath, linkpath: 'ignored' } },
      { name: 'sized', body: 'twelve bytes', size: 3, pax: { size: '12' } },
      { name: 'owner', pax: { uid: '3000000', gid: '4000000' } },
      { name: 'base256', uid: 2 ** 31, gid: 2 ** 32 - 2, mtime: -5, format: 'gnu' },
      { name: 'fraction', pax: { mtime: '1234567890.123456789' } },
      { name: 'fraction2', pax: { mtime: '1.5' } },
      { name: 'old', pax: { mtime: '-1.25' } },
      { name: 'old/', type: '5', pax: { mtime: '-3' } },
      { name: 'new', pax: { mtime: '4294967296.000000001' } },
    ]);
    expect(tree[longPath]?.content).toBe('long');
    expect(tree['sized']?.content).toBe('twelve bytes');
    expect(tree['owner']?.owner).toBe('3000000:4000000');
    expect(tree['base256']).toMatchObject({ owner: `${2 ** 31}:${2 ** 32 - 2}`, mtimeNs: -5n * 10n ** 9n });
    expect(tree['fraction']?.mtimeNs).toBe(1234567890123456789n);
    expect(tree['fraction2']?.mtimeNs).toBe(1_500_000_000n);
    expect(tree['old']).toMatchObject({ type: 'directory', mtimeNs: -3_000_000_000n });
    expect(tree['new']?.mtimeNs).toBe(4294967296_000000001n);
  });

  test('an owner that chown would take as "unchanged" is an error', async () => {
    for (const pax of [{ uid: '4294967295' }, { gid: '4294967296' }, { uid: '-1' }, { gid: '99999999999999999999' }])
      expect(await refused({ name: 'x', pax })).toMatchObject({ code: 'LAYER_HEADER_INVALID' });
  });

  test('extended attributes are exact, and those of overlayfs are dropped', async () => {
    const value = Buffer.from([0, 0xff, 0x0a, 0x3d, 0]);
    const tree = await applied([
      {
        name: 'x',
        pax: [
          ['SCHILY.xattr.user.bin', value],
          ['SCHILY.xattr.user.empty', ''],
          ['SCHILY.xattr.trusted.overlay.opaque', 'y'],
          ['SCHILY.xattr.trusted.overlay.redirect', '/etc'],
        ],
      },
      { name: 'dir/', type: '5', pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y' } },
      { name: 'l', type: '2', link: 'x', pax: { 'SCHILY.xattr.trusted.t': 'link' } },
    ]);
    expect(tree['x']?.xattrs).toMatchObject({ 'user.bin': value.toString('latin1'), 'user.empty': '' });
    expect(tree['l']?.xattrs).toEqual({ 'trusted.t': 'link' });
    expect(names(tree)).toContain('dir/low');
  });
});

describe('types and formats', () => {
  test('GNU long names and links, ustar prefix, v7', async () => {
    const name = `${'n'.repeat(200)}`;
    const target = 't'.repeat(300);
    const tree = await applied([
      long('L', name),
      long('K', target),
      { name: 'short', type: '2', link: 'short', format: 'gnu' },
      { name: 'base', prefix: 'some/prefix', body: 'p' },
      { name: 'old', format: 'v7', body: 'v7', type: '\0' },
      { name: 'olddir/', format: 'v7', type: '\0' },
      { name: 'seven', type: '7', body: 'contiguous' },
    ]);
    expect(tree[name]).toMatchObject({ type: 'symlink', content: target });
    expect(tree['some/prefix/base']?.content).toBe('p');
    expect(tree['old']).toMatchObject({ type: 'file', content: 'v7' });
    expect(tree['olddir']?.type).toBe('directory');
    expect(tree['seven']).toMatchObject({ type: 'file', content: 'contiguous' });
  });

  test('a global header is ignored and makes nothing', async () => {
    const tree = await applied([
      { name: 'pax_global_header', type: 'g', body: record('comment', 'x'.repeat(600)) },
      { name: 'x', body: 'x' },
    ]);
    expect(names(tree).filter((name) => !baseNames.includes(name))).toEqual(['x']);
  });

  test('fifo, character and block devices', async () => {
    const tree = await applied([
      { name: 'fifo', type: '6', mode: 0o644, mtime: 4 },
      { name: 'null', type: '3', major: 1, minor: 3, mode: 0o666, uid: 1 },
      { name: 'disk', type: '4', major: 259, minor: 300_000, mode: 0o660, gid: 6 },
    ]);
    expect(tree['fifo']).toMatchObject({ type: 'fifo', mtimeNs: 4n * 10n ** 9n });
    expect(tree['null']).toMatchObject({ type: 'character', device: 0x103n, mode: '666', owner: '1:0' });
    expect(tree['disk']).toMatchObject({ type: 'block', owner: '0:6' });
  });

  test('the character device 0:0 and impossible devices are errors', async () => {
    expect(await refused({ name: 'dir', type: '3' })).toMatchObject({ code: 'LAYER_DEVICE_INVALID' });
    expect(await refused({ name: 'x', type: '4', major: 4096 })).toMatchObject({ code: 'LAYER_DEVICE_INVALID' });
    expect(await refused({ name: 'x', type: '4', minor: 2 ** 20 })).toMatchObject({ code: 'LAYER_DEVICE_INVALID' });
  });

  test.each(['D', 'M', 'N', 'V', '8', 'Z', '\xff'])('type %s is unknown', async (type) => {
    expect(await refused({ name: 'x', type })).toMatchObject({ kind: 'invalid-argument', code: 'LAYER_TYPE_UNKNOWN' });
  });

  test('a signed checksum is accepted, a wrong one is not', async () => {
    expect((await applied([{ name: Buffer.from([0xe9]), checksum: 'signed' }]))['\xe9']).toBeDefined();
    expect(await refused({ name: 'ok' }, { name: 'x', checksum: 'wrong' })).toMatchObject({ code: 'LAYER_HEADER_INVALID' });
  });
});

describe('the end of the archive', () => {
  test.each([
    ['no end blocks', unended({ name: 'x' }), ['x']],
    ['one end block', Buffer.concat([unended({ name: 'x' }), Buffer.alloc(512)]), ['x']],
    ['trailing garbage', Buffer.concat([tar({ name: 'x' }), Buffer.from('garbage'.repeat(100))]), ['x']],
    ['another archive behind it', Buffer.concat([tar({ name: 'x' }), tar({ name: 'y' })]), ['x']],
    ['no bytes', Buffer.alloc(0), []],
    ['1024 zeros', Buffer.alloc(1024), []],
    ['a body without its padding', unended({ name: 'x', body: 'abc' }).subarray(0, 515), ['x']],
  ])('%s', async (_, layer, added) => {
    expect(names(await applied(layer)).filter((name) => !baseNames.includes(name))).toEqual(added);
  });

  test('truncated body or header', async () => {
    const whole = unended({ name: 'x', body: 'y'.repeat(2000) }, { name: 'z' });
    for (const length of [100, 511, 513, 1500, 2511, 2560 + 1]) {
      const error = await refusedBytes(whole.subarray(0, length));
      expect(error, `${length}`).toMatchObject({ kind: 'data-loss', code: 'LAYER_TRUNCATED' });
    }
    expect((await refusedBytes(whole.subarray(0, 1500))).message).toContain('"x"');
    for (const length of [513, 600, 1024]) {
      const error = await refusedBytes(unended({ name: 'x', pax: { path: 'y' } }).subarray(0, length));
      expect(error).toMatchObject({ kind: 'data-loss', code: 'LAYER_TRUNCATED' });
    }
  });

  test('not a tar', async () => {
    expect(await refusedBytes(Buffer.from('no tar at all '.repeat(100)))).toMatchObject({
      kind: 'invalid-argument',
      code: 'LAYER_NOT_TAR',
    });
  });

  test('an entry after a lone block of zeros', async () => {
    const layer = Buffer.concat([unended({ name: 'x' }), Buffer.alloc(512), tar({ name: 'y' })]);
    expect(await refusedBytes(layer)).toMatchObject({ code: 'LAYER_HEADER_INVALID' });
  });

  test('an extended header with no entry', async () => {
    const dangling = entry({ name: 'PaxHeaders/x', type: 'x', body: record('path', 'y') });
    expect(await refusedBytes(tar(dangling))).toMatchObject({ code: 'LAYER_HEADER_INVALID' });
    expect(await refusedBytes(dangling)).toMatchObject({ code: 'LAYER_TRUNCATED' });
  });
});

describe('limits', () => {
  const limits = { headerBytes: 4096, entries: 5, depth: 4, unpackedBytes: 3000 };

  test.each([
    ['entries', tar(...Array.from({ length: 6 }, (_, index) => ({ name: `e${index}` }))), 'e5'],
    ['depth', tar({ name: 'a/b/c/d/e' }), 'a/b/c/d/e'],
    ['depth of directories', tar({ name: 'a/b/c/d/e/', type: '5' }), 'a/b/c/d/e/'],
    ['unpacked bytes', tar({ name: 'one', body: 'x'.repeat(2000) }, { name: 'two', body: 'x'.repeat(2000) }), 'two'],
    ['PAX header', tar({ name: 'x', pax: { path: 'y'.repeat(5000) } }), 'PaxHeaders/x'],
    ['long name', tar(long('L', 'y'.repeat(5000)), { name: 'x' }), '././@LongLink'],
  ])('%s', async (_, layer, name) => {
    using stack = new Stack();
    for (const apply of [stack.applyDirectory(layer, { limits }), stack.applyOverlay(layer, { limits })]) {
      const error = await apply.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ kind: 'resource-exhausted', code: 'LAYER_TOO_LARGE' });
      expect((error as Error).message).toContain(name);
    }
  });

  test.each([
    ['negative', -1],
    ['over 2^53', 2 ** 60],
  ])('a size that is %s', async (_, size) => {
    const layer = tar({ name: 'x', patch: (block) => number(block, 124, 12, size) });
    const error = await refusedBytes(layer);
    expect(error).toMatchObject({ kind: 'invalid-argument', code: 'LAYER_HEADER_INVALID' });
    expect(error.message).toContain('"x"');
  });

  test('a header that claims a gigabyte costs nothing', async () => {
    const layer = unended({ name: 'PaxHeaders/huge', type: 'x', size: 2 ** 30 });
    const before = process.memoryUsage().rss;
    expect(await refusedBytes(layer)).toMatchObject({ code: 'LAYER_TOO_LARGE' });
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28);
  });
});

describe('targets', () => {
  test('an overlay directory must be empty', async () => {
    using stack = new Stack();
    mkdirSync(path.join(stack.folder, 'used/x'), { recursive: true });
    const { applyLayer } = await import('@slipway/layers');
    const { linux } = await import('@slipway/linux');
    const target = { format: 'overlay', path: path.join(stack.folder, 'used'), lower: [] } as const;
    await expect(applyLayer([tar()], target, { system: linux })).rejects.toMatchObject({ kind: 'failed-precondition' });
  });

  test('an image lies on images, and a directory on directories', async () => {
    using stack = new Stack();
    await stack.apply(base);
    const { applyLayer } = await import('@slipway/layers');
    const { linux } = await import('@slipway/linux');
    const [images = { inOrder: [] }] = stack.images;
    const image = { format: 'erofs', path: path.join(stack.folder, 'new.erofs'), lower: stack.overlay } as const;
    const directory = { format: 'overlay', path: path.join(stack.folder, 'new'), lower: images.inOrder } as const;
    mkdirSync(directory.path);
    for (const target of [image, directory])
      await expect(applyLayer([tar()], target, { system: linux })).rejects.toMatchObject({ kind: 'unimplemented' });
    expect(readdirSync(stack.folder)).not.toContain('new.erofs');
  });

  test('a file that is there is not written to', async () => {
    using stack = new Stack();
    const { applyLayer } = await import('@slipway/layers');
    const { linux } = await import('@slipway/linux');
    const file = path.join(stack.folder, 'mine');
    writeFileSync(file, 'mine');
    const work = applyLayer([tar()], { format: 'erofs', path: file, lower: [] }, { system: linux });
    await expect(work).rejects.toMatchObject({ kind: 'failed-precondition' });
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  test('lower files and their links are never written through', async () => {
    using stack = new Stack();
    await stack.apply(base);
    const kept = path.join(stack.folder, 'kept');
    linkSync(path.join(stack.directory, 'file'), kept);
    await stack.applyDirectory(tar({ name: 'file', body: 'changed', uid: 77, mode: 0o777 }));
    expect(readFileSync(kept, 'utf8')).toBe('file');
    expect(lstatSync(kept).uid).toBe(5);
  });
});

test('only layers with paths through links of lower layers, or links to their files, have to be applied in order', () => {
  expect([...inOrder].sort()).toEqual([
    'hard links > replaces what was there, and the old name may be hidden afterwards',
    'hard links > to a fifo and a device of a layer below',
    'hard links > to a file deep in a layer below keeps the attributes of its parents',
    'hard links > to a symbolic link links the link itself',
    'names > a chain of links with dot-dot is resolved against the merged view',
    'names > a parent that is a symbolic link of a layer below is followed and stays',
    'names > a symbolic link of bytes that are no UTF-8 is followed',
    'whiteouts > of a file through a link',
    'whiteouts > opaque marker after a hard link to what it hides',
  ]);
});

test('only a directory in the place of something else of its own layer has an opaque mark that it may not need', () => {
  expect([...otherMarks].sort()).toEqual([
    'attributes > long paths, large numbers, fractions and times before 1970 are exact',
    'clashes > a link that was followed and then replaced is not followed any more',
  ]);
});
