import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { compareTrees, type TarEntry, TarReader } from '@slipway/layers';
import { linux } from '@slipway/linux';
import { describe, expect, test } from 'vitest';
import type { OwnTree } from './own-tree.js';
import { tar } from './tar-builder.js';
import { compared, renamed, TreePair, type WholeTree, wholeTree } from './tree-pair.js';

const below = tar(
  { name: './', type: '5', mode: 0o711, mtime: 5 },
  { name: 'dir/', type: '5', mode: 0o750, uid: 7, gid: 8, mtime: 10 },
  { name: 'dir/deep/', type: '5', mtime: 11 },
  { name: 'dir/deep/file', body: 'deep', mtime: 12 },
  { name: 'file', body: 'file', mtime: 13 },
  { name: 'one', body: 'linked', mtime: 14 },
  { name: 'two', type: '1', link: 'one' },
  { name: 'zoo/', type: '5', mtime: 15 },
  { name: 'zoo/three', type: '1', link: 'one' },
  { name: 'link', type: '2', link: 'dir', mtime: 16 },
);

interface Compared {
  readonly layer: Buffer;
  /** Type flags and paths in their order. */
  readonly entries: readonly string[];
}

function entriesOf(layer: Buffer): TarEntry[] {
  const entries: TarEntry[] = [];
  const reader = new TarReader({ entry: (entry) => void entries.push(entry), data: () => undefined, fileEnd: () => undefined });
  reader.push(layer);
  reader.end();
  return entries;
}

/** Compares what a change makes of the tree, in every way there is, and looks whether the layer brings it about again. */
async function compare(change: (root: string) => void, layers: readonly Buffer[] = [below]): Promise<Compared> {
  using pair = new TreePair();
  for (const layer of layers) await pair.addLayer(layer);
  pair.change(change);
  const layer = compared(pair.lower, pair.upperTrees);
  const copies = pair.copies();
  expect(compared(renamed(pair.lower), pair.upperTrees).equals(layer)).toBe(true);
  expect(compared([copies.lower], [copies.upper]).equals(layer)).toBe(true);
  const whole = pair.onUpper(wholeTree);
  const { overlay, directory } = await pair.applied(layer, copies.lower);
  expect(overlay).toEqual(withoutSockets(whole));
  expect(directory).toEqual(withoutSockets(whole));
  return { layer, entries: entriesOf(layer).map(({ type, path: name }) => `${type} ${name}`) };
}

function withoutSockets({ listing, links }: WholeTree): WholeTree {
  return { links, listing: Object.fromEntries(Object.entries(listing).filter(([, { type }]) => type !== 'socket')) };
}

const keepTime = (root: string, name: string, work: () => void): void => {
  const { mtimeNs } = lstatSync(`${root}/${name}`, { bigint: true });
  work();
  linux.lutimes(`${root}/${name}`, mtimeNs, mtimeNs);
};

describe('what a layer says', () => {
  test('nothing of what only was touched', async () => {
    const { layer } = await compare((root) => {
      // Copied up, and the same as before.
      keepTime(root, 'file', () => writeFileSync(`${root}/file`, 'file'));
    });
    expect(layer).toEqual(tar());
  });

  test.each<[string, (root: string) => void]>([
    [
      'content of the same size and time',
      (root) => keepTime(root, 'dir/deep/file', () => writeFileSync(`${root}/dir/deep/file`, 'DEEP')),
    ],
    ['mode', (root) => chmodSync(`${root}/dir/deep/file`, 0o4755)],
    ['owner', (root) => execFileSync('chown', ['12:13', `${root}/dir/deep/file`])],
    ['time', (root) => linux.lutimes(`${root}/dir/deep/file`, 0n, 12_000_000_001n)],
    ['an extended attribute', (root) => linux.lsetxattr(`${root}/dir/deep/file`, 'user.x', Buffer.from([0, 10, 61, 255]))],
  ])('%s alone: the file, and the directories on its way', async (_, change) => {
    const { entries } = await compare(change);
    expect(entries).toEqual(['directory ./', 'directory dir/', 'directory dir/deep/', 'file dir/deep/file']);
  });

  test('one marker for a deleted tree', async () => {
    const { entries } = await compare((root) => rmSync(`${root}/dir`, { recursive: true }));
    expect(entries).toEqual(['directory ./', 'file .wh.dir']);
  });

  test('the names that are gone from a directory that was made anew', async () => {
    const { entries } = await compare((root) => {
      rmSync(`${root}/dir`, { recursive: true });
      mkdirSync(`${root}/dir`);
      writeFileSync(`${root}/dir/new`, '');
    });
    expect(entries).toEqual(['directory ./', 'directory dir/', 'file dir/.wh.deep', 'file dir/new']);
  });

  test('what is new, where types are swapped', async () => {
    const { entries } = await compare((root) => {
      rmSync(`${root}/dir`, { recursive: true });
      writeFileSync(`${root}/dir`, 'a file now');
      unlinkSync(`${root}/file`);
      mkdirSync(`${root}/file`);
      writeFileSync(`${root}/file/in`, '');
      unlinkSync(`${root}/link`);
      linux.mknod(`${root}/link`, 0o020640, 1, 3);
    });
    expect(entries).toEqual(['directory ./', 'file dir', 'directory file/', 'file file/in', 'character link']);
  });

  test('a symbolic link to a directory that became the directory', async () => {
    const { entries } = await compare((root) => {
      unlinkSync(`${root}/link`);
      execFileSync('cp', ['-a', `${root}/dir`, `${root}/link`]);
      rmSync(`${root}/dir`, { recursive: true });
      symlinkSync('link', `${root}/dir`);
    });
    expect(entries).toEqual(['directory ./', 'symlink dir', 'directory link/', 'directory link/deep/', 'file link/deep/file']);
  });
});

describe('hard links', () => {
  test('a group of which one name is new is written whole', async () => {
    const { entries } = await compare((root) => linkSync(`${root}/two`, `${root}/new`));
    // overlayfs has copied "two" up to link it, and with that taken it out of its group.
    expect(entries).toEqual(['directory ./', 'file new', 'hardlink two']);
  });

  test('a group whose content changed is one file and links to it', async () => {
    const { entries } = await compare((root) => {
      for (const name of ['one', 'two', 'zoo/three']) unlinkSync(`${root}/${name}`);
      writeFileSync(`${root}/two`, 'changed');
      for (const name of ['one', 'zoo/three']) linkSync(`${root}/two`, `${root}/${name}`);
    });
    expect(entries).toEqual(['directory ./', 'file one', 'hardlink two', 'directory zoo/', 'hardlink zoo/three']);
  });

  test('a name that left its group, with nothing else changed, is a file of its own', async () => {
    const { entries } = await compare((root) => keepTime(root, 'zoo/three', () => writeFileSync(`${root}/zoo/three`, 'linked')));
    expect(entries).toEqual(['directory ./', 'directory zoo/', 'file zoo/three']);
    const first = await compare((root) => keepTime(root, 'one', () => writeFileSync(`${root}/one`, 'linked')));
    // The first group of the same content stays; which one overlayfs has copied makes no difference.
    expect(first.entries).toEqual(['directory ./', 'file two', 'directory zoo/', 'hardlink zoo/three']);
  });

  test('what is left of a group of which a name is gone needs no word', async () => {
    const { entries } = await compare((root) => unlinkSync(`${root}/one`));
    expect(entries).toEqual(['directory ./', 'file .wh.one']);
  });

  test('two files that became one', async () => {
    const { entries } = await compare((root) => {
      unlinkSync(`${root}/file`);
      linkSync(`${root}/dir/deep/file`, `${root}/file`);
    });
    expect(entries).toEqual(['directory ./', 'directory dir/', 'directory dir/deep/', 'file dir/deep/file', 'hardlink file']);
  });

  test('of symbolic links, fifos and devices', async () => {
    const { entries } = await compare((root) => {
      linux.mknod(`${root}/pipe`, 0o010600, 0, 0);
      linux.mknod(`${root}/null`, 0o020666, 1, 3);
      symlinkSync('nowhere', `${root}/sym`);
      for (const name of ['pipe', 'null', 'sym']) linkSync(`${root}/${name}`, `${root}/${name}2`);
    });
    expect(entries).toEqual([
      'directory ./',
      'character null',
      'hardlink null2',
      'fifo pipe',
      'hardlink pipe2',
      'symlink sym',
      'hardlink sym2',
    ]);
  });
});

test('sockets are left out, and what they have replaced goes', async () => {
  const { entries } = await compare((root) => {
    const bind = (name: string): void => {
      execFileSync('python3', ['-c', 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])', `${root}/${name}`]);
    };
    bind('new.sock');
    unlinkSync(`${root}/file`);
    bind('file');
  });
  expect(entries).toEqual(['directory ./', 'file .wh.file']);
});

test('a socket that both trees have is no difference, one that is gone is', () => {
  using folder = new Folder();
  const [one, two] = [folder.tree('one'), folder.tree('two')];
  for (const tree of [one, two])
    for (const name of ['stays', ...(tree === one ? ['goes'] : [])])
      execFileSync('python3', [
        '-c',
        'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])',
        `${tree.path}/${name}`,
      ]);
  for (const tree of [one, two]) utimesSync(tree.path, 1, 1);
  const names = entriesOf(compared([one], [two])).map((entry) => entry.path);
  expect(names).toEqual(['./', '.wh.goes']);
});

class Folder implements Disposable {
  readonly path = mkdtempSync(path.join(os.tmpdir(), 'slipway-compare-'));

  tree(name: string, format: OwnTree['format'] = 'directory'): OwnTree {
    const tree: OwnTree = { format, path: path.join(this.path, name) };
    mkdirSync(tree.path);
    return tree;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

describe('what no layer can describe is refused with its path', () => {
  test.each<[string, string, (root: string) => void, (root: string) => void]>([
    ['dir/.wh.new', 'LAYER_NAME_INVALID', () => undefined, (root) => writeFileSync(`${root}/dir/.wh.new`, '')],
    ['dir/.wh.old', 'LAYER_NAME_INVALID', (root) => writeFileSync(`${root}/dir/.wh.old`, ''), () => undefined],
    ['.wh.d', 'LAYER_NAME_INVALID', () => undefined, (root) => mkdirSync(`${root}/.wh.d`)],
    ['dir/null', 'LAYER_DEVICE_INVALID', () => undefined, (root) => linux.mknod(`${root}/dir/null`, 0o020600, 0, 0)],
    [
      'dir/odd',
      'LAYER_NAME_INVALID',
      () => undefined,
      (root) => {
        writeFileSync(`${root}/dir/odd`, '');
        linux.lsetxattr(`${root}/dir/odd`, 'user.a=b', Buffer.from('c'));
      },
    ],
  ])('%s', (entry, code, before, after) => {
    using folder = new Folder();
    const [lower, upper] = [folder.tree('lower'), folder.tree('upper')];
    for (const tree of [lower, upper]) mkdirSync(`${tree.path}/dir`);
    before(lower.path);
    after(upper.path);
    expect(() => compared([lower], [upper])).toThrow(
      expect.objectContaining({ kind: 'invalid-argument', code, details: { entry } }),
    );
  });

  test('but not where it is no part of the difference', () => {
    using folder = new Folder();
    const [lower, upper] = [folder.tree('lower'), folder.tree('upper')];
    for (const tree of [lower, upper]) {
      writeFileSync(`${tree.path}/.wh.same`, '');
      utimesSync(`${tree.path}/.wh.same`, 1, 1);
      utimesSync(tree.path, 1, 1);
    }
    expect(compared([lower], [upper])).toEqual(tar());
  });

  test('trees deeper, and headers larger, than a layer may be', () => {
    using folder = new Folder();
    const upper = folder.tree('upper');
    mkdirSync(`${upper.path}/${'d/'.repeat(600)}`, { recursive: true });
    expect(() => compared([], [upper])).toThrow(expect.objectContaining({ code: 'LAYER_TOO_LARGE' }));
  });
});

test('a file that changes while it is read is an error, and nothing stays open', () => {
  using folder = new Folder();
  const upper = folder.tree('upper');
  writeFileSync(`${upper.path}/log`, Buffer.alloc(5 << 20));
  const parts = compareTrees([], [upper], { system: linux });
  parts.next();
  truncateSync(`${upper.path}/log`, 100);
  expect(() => [...parts]).toThrow(expect.objectContaining({ kind: 'aborted', code: 'LAYER_TREE_CHANGED' }));
});

test('only what the trees on top have is looked at, when the others are the lower tree', async () => {
  using pair = new TreePair();
  const many = Array.from({ length: 300 }, (_, index) => ({ name: `many/${index}/file`, body: 'x' }));
  await pair.addLayer(tar(...many));
  pair.change((root) => writeFileSync(`${root}/many/7/new`, 'new'));
  let names = 0;
  const count = (): void => void names++;
  const layer = Buffer.concat([...compareTrees(pair.lower, pair.upperTrees, { system: linux, checkpoint: count })]);
  expect(names).toBeLessThan(20);
  names = 0;
  expect(compared(pair.images, pair.upperOnImages)).toEqual(layer);
  names = 0;
  const slow = [...compareTrees(renamed(pair.lower), pair.upperTrees, { system: linux, checkpoint: count })];
  expect(names).toBeGreaterThan(600);
  expect(Buffer.concat(slow)).toEqual(layer);
});
