import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { type LayerNotes, rebaseLayer, stageLayer } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { canceled, type LayerTarget } from '@slipway/plugin-api';
import { describe, expect, test } from 'vitest';
import { Stack } from './stack.js';
import { type EntryOptions, tar } from './tar-builder.js';
import { hardLinks, type Listing, list } from './tree-listing.js';

type Layer = readonly (Buffer | EntryOptions)[];

/** The tree of layers that were all staged, after checking that it is the one of the same layers in order. */
async function staged(...layers: Layer[]): Promise<Listing> {
  using stack = new Stack();
  for (const layer of layers) await stack.apply(tar(...layer));
  expect(stack.ways).toEqual(layers.map(() => 'staged'));
  const look = (root: string) => ({ tree: list(root), links: hardLinks(root) });
  expect(stack.onOverlay(look, stack.staged)).toEqual(stack.onOverlay(look));
  return stack.listStaged();
}

/** How the last layer came onto the others, after checking that the tree is right all the same. */
async function wayOf(...layers: Layer[]): Promise<string | undefined> {
  using stack = new Stack();
  for (const layer of layers) await stack.apply(tar(...layer));
  expect(stack.listStaged()).toEqual(stack.listOverlay());
  return stack.ways.at(-1);
}

function newTarget(stack: Stack, name = 'target'): LayerTarget {
  const target = { format: 'overlay', path: path.join(stack.folder, name), lower: [] } as const;
  mkdirSync(target.path);
  return target;
}

const directory = (name: string, rest: Partial<EntryOptions> = {}): EntryOptions => ({ name: `${name}/`, type: '5', ...rest });
const link = (name: string, to: string): EntryOptions => ({ name, type: '2', link: to });

describe('ordinary stacks are staged whole', () => {
  test('a distribution, packages on it, files copied into it', async () => {
    const tree = await staged(
      [
        directory('.', { mtime: 10 }),
        link('bin', 'usr/bin'),
        link('lib', 'usr/lib'),
        directory('etc'),
        { name: 'etc/passwd', body: 'root' },
        link('etc/mtab', '../proc/self/mounts'),
        directory('usr', { mtime: 11 }),
        directory('usr/bin', { mtime: 12 }),
        { name: 'usr/bin/perl', body: 'perl' },
        { name: 'usr/bin/perl5', type: '1', link: 'usr/bin/perl' },
        directory('usr/lib'),
        directory('usr/share'),
        directory('usr/share/doc', { mode: 0o750, uid: 7 }),
        { name: 'usr/share/doc/perl', body: 'doc' },
        directory('var'),
        directory('var/cache'),
        { name: 'var/cache/list', body: 'list' },
        directory('var/mail', { mode: 0o2775, gid: 8 }),
      ],
      [
        directory('etc'),
        { name: 'etc/group', body: 'group' },
        { name: 'etc/.wh.mtab' },
        directory('usr'),
        directory('usr/bin'),
        { name: 'usr/bin/git', body: 'git', mode: 0o755 },
        { name: 'usr/bin/git-receive-pack', type: '1', link: 'usr/bin/git' },
        link('usr/bin/editor', '/etc/alternatives/editor'),
        directory('var'),
        directory('var/cache'),
        { name: 'var/cache/.wh..wh..opq' },
        { name: 'var/cache/new', body: 'new' },
        { name: '.wh.lib' },
      ],
      [
        { name: 'app/main.js', body: 'main' },
        { name: 'usr/share/doc/app/readme', body: 'readme' },
        { name: 'usr/share/.wh.man' },
      ],
      [{ name: 'usr/bin/.wh.perl' }, directory('lib'), { name: 'lib/own', body: 'own' }],
    );
    expect(tree['usr/share/doc']).toMatchObject({ mode: '750', owner: '7:0' });
    expect(tree['app']).toMatchObject({ mode: '755', owner: '0:0', mtimeNs: 0n });
    expect(tree['lib/own']).toMatchObject({ content: 'own' });
  });

  test('what a layer lists itself asks nothing of the layers below', async () => {
    using stack = new Stack();
    const files = Array.from({ length: 500 }, (_, index) => ({ name: `d/${index % 10}/f${index}`, body: 'x' }));
    const folders = Array.from({ length: 10 }, (_, index) => directory(`d/${index}`));
    const layer = tar(directory('.'), directory('d'), ...folders, ...files);
    expect(await stageLayer([layer], newTarget(stack), { system: linux })).toHaveLength(1);
  });
});

describe('directories that only paths imply', () => {
  const below = [
    directory('.', { mode: 0o711, uid: 1, gid: 2, mtime: 20, pax: { 'SCHILY.xattr.user.root': 'r' } }),
    directory('d', { mode: 0o2750, uid: 3, gid: 4, mtime: 21, pax: { 'SCHILY.xattr.user.d': 'd' } }),
    directory('d/e', { mode: 0, mtime: 22 }),
    { name: 'd/file', body: 'low' },
  ];

  test('keep what they have below: owner, mode, attributes and time, and so does the root', async () => {
    const tree = await staged(below, [{ name: 'd/e/new', body: 'n' }]);
    expect(tree['.']).toMatchObject({ mode: '711', owner: '1:2', mtimeNs: 20_000_000_000n, xattrs: { 'user.root': 'r' } });
    expect(tree['d']).toMatchObject({ mode: '2750', owner: '3:4', mtimeNs: 21_000_000_000n, xattrs: { 'user.d': 'd' } });
    expect(tree['d/e']).toMatchObject({ mode: '0', mtimeNs: 22_000_000_000n });
    expect(tree['d/e/new']).toMatchObject({ mode: '644', owner: '0:0' });
  });

  test('have nothing of what is hidden', async () => {
    const fresh = { mode: '755', owner: '0:0', mtimeNs: 0n };
    expect((await staged(below, [{ name: '.wh.d' }, { name: 'd/e/new' }]))['d/e']).toMatchObject(fresh);
    const opaque = await staged(below, [{ name: 'd/e/new' }, { name: 'd/.wh..wh..opq' }]);
    expect(opaque['d']).toMatchObject({ mode: '2750', owner: '3:4' });
    expect(opaque['d/e']).toMatchObject(fresh);
    const root = await staged(below, [{ name: 'd/e/new' }, { name: '.wh..wh..opq' }, { name: 'x' }]);
    expect(root['.']).toMatchObject({ mode: '711', mtimeNs: 20_000_000_000n });
    expect(Object.keys(root)).toEqual(['.', 'd', 'd/e', 'd/e/new', 'x']);
    expect(root['d']).toMatchObject(fresh);
  });

  test('replace a file that is below', async () => {
    const tree = await staged(below, [{ name: 'd/file/in', body: 'in' }]);
    expect(tree['d/file']).toMatchObject({ type: 'directory', mode: '755' });
  });

  test('are new where a layer between has removed the directory', async () => {
    const tree = await staged(below, [{ name: '.wh.d' }], [{ name: 'd/e/new' }]);
    expect(tree['d']).toMatchObject({ mode: '755', mtimeNs: 0n });
    expect(Object.keys(tree)).toEqual(['.', 'd', 'd/e', 'd/e/new']);
  });
});

test('a directory over a file of the same layer hides what is below, listed or implied', async () => {
  const below = [directory('d', { mode: 0o700 }), { name: 'd/low' }, directory('d/sub'), { name: 'd/sub/low' }];
  for (const over of [directory('d'), { name: 'd/sub/new' }]) {
    const tree = await staged(below, [{ name: 'd/first' }, { name: 'd', body: 'file' }, over, { name: 'd/sub/.wh.low' }]);
    expect(Object.keys(tree).filter((name) => name.endsWith('low'))).toEqual([]);
    expect(tree['d']).toMatchObject({ mode: '755' });
  }
});

test('times of directories that are changed by the rebase stay', async () => {
  const below = [
    directory('.', { mtime: 1 }),
    directory('d', { mtime: 2 }),
    { name: 'd/low' },
    directory('d/s'),
    { name: 'd/s/low' },
  ];
  const tree = await staged(below, [directory('d', { mtime: 3 }), { name: 'd/.wh.low' }, { name: 'd/s/.wh.low' }]);
  expect(tree['d']).toMatchObject({ mtimeNs: 3_000_000_000n });
  expect(tree['.']).toMatchObject({ mtimeNs: 1_000_000_000n });
});

describe('applied in order is', () => {
  const below = [directory('real'), { name: 'real/low', body: 'low' }, link('to', 'real'), { name: 'file', body: 'f' }];

  test.each<[string, Layer]>([
    ['an entry in a directory that is a link below', [{ name: 'to/new' }]],
    ['a directory in one', [directory('to/new')]],
    ['a whiteout in one', [{ name: 'to/.wh.low' }]],
    ['an opaque marker in one', [{ name: 'to/.wh..wh..opq' }]],
    ['a path that goes into one and back', [{ name: 'to/../new' }]],
    ['one that was replaced afterwards', [{ name: 'to/new' }, { name: 'to', body: 'file' }]],
    ['one that a link of the layer leads to', [link('own', 'to/deep'), { name: 'own/new' }]],
    ['a whiteout where a link of the layer leads', [link('own', '/to'), { name: 'own/.wh.low' }]],
  ])('%s', async (_, layer) => {
    expect(await wayOf(below, layer)).toBe('refused by rebase');
  });

  test('a hard link to a file below', async () => {
    expect(await wayOf(below, [{ name: 'linked', type: '1', link: 'file' }])).toBe('refused by stage');
    expect(await wayOf(below, [{ name: 'linked', type: '1', link: 'to/low' }])).toBe('refused by stage');
  });

  test('what may be wrong with an entry only because a link below was not seen', async () => {
    // In order the entry replaces nothing: `to/x` makes `real/x`, and `to` stays a link that can be linked to.
    expect(await wayOf(below, [{ name: 'to/x' }, { name: 'linked', type: '1', link: 'to' }])).toBe('refused by stage');
  });

  test('a layer that asks about more names than are kept in memory', async () => {
    using stack = new Stack();
    const name = (index: number): string => index.toString(36).padStart(4, '0');
    const walked = (from: number): string => Array.from({ length: 2000 }, (_, index) => `${name(from + index)}/..`).join('/');
    const paths = Array.from({ length: 51 }, (_, index) => ({ name: 'x', pax: { path: `${walked(2000 * index)}/x${index}` } }));
    await expect(stageLayer([tar(...paths)], newTarget(stack), { system: linux })).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'LAYER_NEEDS_LOWER',
    });
    expect(await stageLayer([tar(...paths.slice(0, 49))], newTarget(stack, 'fewer'), { system: linux })).toHaveLength(98_001);
  });

  test('a path that may be too deep', async () => {
    using stack = new Stack();
    const limits = { headerBytes: 1 << 20, entries: 100, depth: 5, unpackedBytes: 1 << 20 };
    const layer = tar({ name: 'a/b/c/d/e/f/../../../x' });
    await expect(stageLayer([layer], newTarget(stack), { system: linux, limits })).rejects.toMatchObject({
      code: 'LAYER_NEEDS_LOWER',
    });
  });
});

describe('a rebase', () => {
  test('onto nothing changes nothing', async () => {
    using stack = new Stack();
    const target = newTarget(stack);
    const notes = await stageLayer([tar({ name: 'a/.wh.b' }, { name: 'c/d' })], target, { system: linux });
    const before = list(target.path);
    rebaseLayer(target, notes, { system: linux });
    expect(list(target.path)).toEqual(before);
    expect(before['.']).toMatchObject({ mtimeNs: 0n });
  });

  test('is stopped by its checkpoint and its signal, and leaves no descriptor', async () => {
    using stack = new Stack();
    await stack.applyOverlay(tar(...Array.from({ length: 50 }, (_, index) => ({ name: `d/${index}` }))));
    const target = newTarget(stack);
    const hidden = Array.from({ length: 50 }, (_, index) => ({ name: `d/.wh.${index}` }));
    const notes: LayerNotes = await stageLayer([tar(...hidden)], target, { system: linux });
    const onto = { ...target, lower: stack.overlay };
    const before = readdirSync('/proc/self/fd').length;
    let calls = 0;
    const checkpoint = (): void => {
      if (++calls === 10) throw canceled('rebase');
    };
    expect(() => rebaseLayer(onto, notes, { system: linux, checkpoint })).toThrow(expect.objectContaining({ kind: 'canceled' }));
    expect(() => rebaseLayer(onto, notes, { system: linux, signal: AbortSignal.abort() })).toThrow(
      expect.objectContaining({ kind: 'canceled' }),
    );
    expect(readdirSync('/proc/self/fd').length).toBe(before);
    expect(readdirSync(path.join(target.path, 'd')).length).toBeLessThan(10);
  });

  test('is done in an overlay directory only', async () => {
    using stack = new Stack();
    const target = newTarget(stack);
    const notes = await stageLayer([tar()], target, { system: linux });
    const lower = [{ format: 'directory', path: stack.directory }] as const;
    expect(() => rebaseLayer({ ...target, format: 'directory', lower }, notes, { system: linux })).toThrow(
      expect.objectContaining({ code: 'LAYER_TARGET_INVALID' }),
    );
  });
});
