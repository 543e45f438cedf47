import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { linux } from '@slipway/linux';
import type { SnapshotLaw } from './subject.js';
import { commitLayer, committedTree, inTree, readTree } from './tree.js';

/** What is seen in the trees, looked at through real mounts. Names in brackets are those of containerd's suite. */
export function treeLaws(law: SnapshotLaw): void {
  law('a change is seen where it was made and in what grows on it (Basic)', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'A', undefined, (path) => {
      writeFileSync(`${path}/foo`, 'foo\n');
      mkdirSync(`${path}/a/b`, { recursive: true });
    });
    const mounts = await snapshotter.prepare('next', 'A');
    await snapshotter.prepare('other', 'A');
    inTree(mounts, (path) => {
      assert.deepEqual(readTree(path), { '.': '40755 0:0', foo: '100644 0:0 foo\n', a: '40755 0:0', 'a/b': '40755 0:0' });
      writeFileSync(`${path}/foo`, 'changed\n');
      writeFileSync(`${path}/a/b/bar`, 'bar\n');
    });
    inTree(await snapshotter.mounts('other'), (path) => {
      assert.equal(readFileSync(`${path}/foo`, 'utf8'), 'foo\n');
      assert.deepEqual(readdirSync(`${path}/a/b`), []);
    });
    const active = inTree(mounts, readTree);
    await snapshotter.commit('B', 'next');
    assert.deepEqual(await committedTree(snapshotter, 'B'), active);
    assert.equal((await committedTree(snapshotter, 'A'))['foo'], '100644 0:0 foo\n');
  });

  law('a root directory is 0755 root:root, and else its parent’s (RootPermission)', async ({ snapshotter }) => {
    const umask = process.umask(0o077);
    try {
      for (const mounts of [await snapshotter.prepare('a'), await snapshotter.view('v')]) {
        assert.deepEqual(inTree(mounts, readTree), { '.': '40755 0:0' });
      }
      inTree(await snapshotter.mounts('a'), (path) => {
        chownSync(path, 12, 34);
        chmodSync(path, 0o1751);
        linux.lsetxattr(`${path}/.`, 'trusted.mine', Buffer.from('x'));
        linux.lutimes(`${path}/.`, 5n, 1_600_000_000_123_456_789n);
      });
      await snapshotter.commit('A', 'a');
      for (const mounts of [await snapshotter.prepare('b', 'A'), await snapshotter.view('w', 'A')]) {
        inTree(mounts, (path) => {
          assert.deepEqual(readTree(path), { '.': '41751 12:34' });
          assert.equal(linux.lgetxattr(`${path}/.`, 'trusted.mine')?.toString(), 'x');
          assert.equal(lstatSync(`${path}/.`, { bigint: true }).mtimeNs, 1_600_000_000_123_456_789n);
        });
      }
    } finally {
      process.umask(umask);
    }
  });

  law('the mode of a directory is kept (DirectoryPermissionOnCommit)', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'A', undefined, (path) => {
      mkdirSync(`${path}/d`);
      chmodSync(`${path}/d`, 0o700);
      writeFileSync(`${path}/d/low`, '');
    });
    await commitLayer(snapshotter, 'B', 'A', (path) => chmodSync(`${path}/d`, 0o2770));
    await commitLayer(snapshotter, 'C', 'B', (path) => {
      chownSync(`${path}/d`, 1, 1);
      chmodSync(`${path}/d`, 0o1777);
      writeFileSync(`${path}/d/up`, '');
    });
    assert.equal((await committedTree(snapshotter, 'B'))['d'], '42770 0:0');
    const { '.': _, ...tree } = await committedTree(snapshotter, 'C');
    assert.deepEqual(tree, { d: '41777 1:1', 'd/low': '100644 0:0 ', 'd/up': '100644 0:0 ' });
  });

  law('files of lower layers change, go and come back (LayerFileUpdate)', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'A', undefined, (path) => {
      for (const name of ['keep', 'grow', 'gone', 'back']) writeFileSync(`${path}/${name}`, name);
    });
    await commitLayer(snapshotter, 'B', 'A', (path) => {
      writeFileSync(`${path}/grow`, 'er', { flag: 'a' });
      unlinkSync(`${path}/gone`);
      unlinkSync(`${path}/back`);
    });
    await commitLayer(snapshotter, 'C', 'B', (path) => writeFileSync(`${path}/back`, 'again'));
    const { '.': _, ...tree } = await committedTree(snapshotter, 'C');
    assert.deepEqual(tree, { keep: '100644 0:0 keep', grow: '100644 0:0 grower', back: '100644 0:0 again' });
  });

  law('a directory of a lower layer goes, and comes back empty (RemoveDirectoryInLowerLayer)', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'A', undefined, (path) => {
      mkdirSync(`${path}/d/sub`, { recursive: true });
      writeFileSync(`${path}/d/sub/file`, '');
    });
    await commitLayer(snapshotter, 'B', 'A', (path) => rmSync(`${path}/d`, { recursive: true }));
    await commitLayer(snapshotter, 'C', 'B', (path) => mkdirSync(`${path}/d`));
    await commitLayer(snapshotter, 'D', 'A', (path) => {
      rmSync(`${path}/d`, { recursive: true });
      mkdirSync(`${path}/d`);
      writeFileSync(`${path}/d/new`, '');
    });
    assert.deepEqual(Object.keys(await committedTree(snapshotter, 'B')), ['.']);
    assert.deepEqual(Object.keys(await committedTree(snapshotter, 'C')), ['.', 'd']);
    assert.deepEqual(Object.keys(await committedTree(snapshotter, 'D')), ['.', 'd', 'd/new']);
  });

  law('what was deleted stays deleted further up (DeletedFilesInChildSnapshot)', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'A', undefined, (path) => {
      writeFileSync(`${path}/one`, '');
      writeFileSync(`${path}/two`, '');
    });
    await commitLayer(snapshotter, 'B', 'A', (path) => unlinkSync(`${path}/one`));
    await commitLayer(snapshotter, 'C', 'B', (path) => writeFileSync(`${path}/three`, ''));
    assert.deepEqual(new Set(Object.keys(await committedTree(snapshotter, 'C'))), new Set(['.', 'three', 'two']));
  });

  law('owners change alone (Chown)', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'A', undefined, (path) => {
      mkdirSync(`${path}/opt`);
      writeFileSync(`${path}/opt/file`, 'same');
    });
    await commitLayer(snapshotter, 'B', 'A', (path) => {
      chownSync(`${path}/opt`, 1, 2);
      chownSync(`${path}/opt/file`, 3, 3_000_000);
    });
    const { '.': _, ...tree } = await committedTree(snapshotter, 'B');
    assert.deepEqual(tree, { opt: '40755 1:2', 'opt/file': '100644 3:3000000 same' });
  });

  law('files of lower layers can be moved (MoveFileFromLowerLayer, Rename)', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'A', undefined, (path) => {
      mkdirSync(`${path}/dir1`);
      writeFileSync(`${path}/dir1/f1`, 'f1');
      mkdirSync(`${path}/somefiles`);
      writeFileSync(`${path}/somefiles/low`, 'low');
    });
    await commitLayer(snapshotter, 'B', 'A', (path) => {
      mkdirSync(`${path}/dir2`);
      renameSync(`${path}/dir1/f1`, `${path}/dir2/f2`);
      // A directory of a lower layer may refuse rename(2) (EXDEV), as overlayfs says; one of this layer may not.
      mkdirSync(`${path}/fresh`);
      writeFileSync(`${path}/fresh/x`, 'x');
      renameSync(`${path}/fresh`, `${path}/moved`);
      renameSync(`${path}/somefiles/low`, `${path}/low`);
    });
    const { '.': _, ...tree } = await committedTree(snapshotter, 'B');
    assert.deepEqual(tree, {
      dir1: '40755 0:0',
      dir2: '40755 0:0',
      'dir2/f2': '100644 0:0 f1',
      moved: '40755 0:0',
      'moved/x': '100644 0:0 x',
      somefiles: '40755 0:0',
      low: '100644 0:0 low',
    });
  });

  law('a view cannot be changed (ViewReadonly)', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'A', undefined, (path) => writeFileSync(`${path}/a`, 'a'));
    await commitLayer(snapshotter, 'B', 'A', (path) => writeFileSync(`${path}/b`, 'b'));
    for (const parent of [undefined, 'A', 'B']) {
      inTree(await snapshotter.view(`view of ${parent}`, parent), (path) => {
        for (const change of [
          () => writeFileSync(`${path}/x`, ''),
          () => chmodSync(`${path}/.`, 0o700),
          () => mkdirSync(`${path}/d`),
        ]) {
          assert.throws(change, { code: 'EROFS' });
        }
        if (parent !== undefined) assert.throws(() => unlinkSync(`${path}/a`), { code: 'EROFS' });
      });
    }
  });

  law('a snapshot beside another one can go (RemoveIntermediateSnapshot)', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'base', undefined, (path) => writeFileSync(`${path}/base`, ''));
    await commitLayer(snapshotter, 'middle', 'base', (path) => writeFileSync(`${path}/middle`, ''));
    inTree(await snapshotter.prepare('top', 'middle'), (path) => writeFileSync(`${path}/top`, ''));
    await assert.rejects(snapshotter.remove('middle'));
    await snapshotter.remove('top');
    await snapshotter.remove('middle');
    assert.deepEqual(Object.keys(await committedTree(snapshotter, 'base')), ['.', 'base']);
  });

  law('links, devices, attributes, times and odd names are kept across commits', async ({ snapshotter }) => {
    const odd = Buffer.from([0x6f, 0xff, 0x0a, 0xfe]);
    const oddIn = (path: string): Buffer => Buffer.concat([Buffer.from(`${path}/`), odd]);
    await commitLayer(snapshotter, 'A', undefined, (path) => {
      writeFileSync(oddIn(path), 'odd');
      writeFileSync(`${path}/linked`, 'one inode');
      linkSync(`${path}/linked`, `${path}/again`);
      symlinkSync('../../outside', `${path}/soft`);
      linux.mknod(`${path}/null`, 0o20666, 1, 3);
      linux.mknod(`${path}/fifo`, 0o10600, 0, 0);
      writeFileSync(`${path}/setuid`, '');
      chownSync(`${path}/setuid`, 1000, 1000);
      chmodSync(`${path}/setuid`, 0o4755);
      linux.lsetxattr(`${path}/setuid`, 'user.bytes', Buffer.from([0, 255, 0]));
      linux.lsetxattr(`${path}/setuid`, 'trusted.mine', Buffer.from('t'));
      writeFileSync(`${path}/sparse`, '');
      truncateSync(`${path}/sparse`, 1 << 30);
      mkdirSync(`${path}/dir`);
      writeFileSync(`${path}/dir/inner`, '');
      for (const name of ['linked', 'soft', 'null', 'fifo', 'setuid', 'dir']) {
        linux.lutimes(`${path}/${name}`, 1_000_000_001n, -1_234_567_890_123n);
      }
    });
    assert.ok((await snapshotter.usage('A')).bytes < 1 << 20, 'a hole takes no space');
    await commitLayer(snapshotter, 'B', 'A', (path) => writeFileSync(`${path}/new`, ''));
    await snapshotter.prepare('k', 'B');
    // EROFS tells of every file the blocks that it would have without holes.
    const tellsBlocks = (await snapshotter.layerTarget('k')).format !== 'erofs';
    inTree(await snapshotter.view('v', 'B'), (path) => {
      const stat = (name: string) => lstatSync(`${path}/${name}`, { bigint: true });
      assert.ok(readdirSync(path, { encoding: 'buffer' }).some((name) => name.equals(odd)));
      assert.equal(readFileSync(oddIn(path), 'utf8'), 'odd');
      assert.equal(stat('linked').ino, stat('again').ino);
      assert.equal(stat('linked').nlink, 2n);
      assert.equal(readlinkSync(`${path}/soft`), '../../outside');
      assert.ok(stat('null').isCharacterDevice() && stat('fifo').isFIFO());
      assert.equal(stat('null').rdev, 259n);
      assert.equal(stat('setuid').mode, 0o104755n);
      assert.deepEqual(linux.lgetxattr(`${path}/setuid`, 'user.bytes'), Buffer.from([0, 255, 0]));
      assert.equal(linux.lgetxattr(`${path}/setuid`, 'trusted.mine')?.toString(), 't');
      assert.equal(stat('sparse').size, 1n << 30n);
      if (tellsBlocks) assert.ok(stat('sparse').blocks < 1024n, 'a hole takes no space');
      for (const name of ['linked', 'soft', 'null', 'fifo', 'setuid', 'dir']) {
        assert.equal(stat(name).mtimeNs, -1_234_567_890_123n, name);
      }
    });
  });

  law('names that read as whiteouts are names like any others', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'A', undefined, (path) => {
      mkdirSync(`${path}/d`);
      for (const name of ['file', '.wh.file', 'd/low', 'd/.wh..wh..opq']) writeFileSync(`${path}/${name}`, name);
    });
    await commitLayer(snapshotter, 'B', 'A', (path) => {
      writeFileSync(`${path}/.wh.d`, 'd');
      writeFileSync(`${path}/d/.wh.low`, 'low');
    });
    const { '.': _, d: __, ...tree } = await committedTree(snapshotter, 'B');
    const expected = ['file', '.wh.file', 'd/low', 'd/.wh..wh..opq'].map((name) => [name, `100644 0:0 ${name}`]);
    assert.deepEqual(tree, { ...Object.fromEntries(expected), '.wh.d': '100644 0:0 d', 'd/.wh.low': '100644 0:0 low' });
  });

  law('128 layers can be seen and written on (128LayersMount)', async ({ snapshotter }) => {
    let parent: string | undefined;
    for (let layer = 0; layer < 128; layer++) {
      await commitLayer(snapshotter, `layer ${layer}`, parent, (path) => {
        writeFileSync(`${path}/top`, String(layer));
        mkdirSync(`${path}/dirs/${layer}`, { recursive: true });
      });
      parent = `layer ${layer}`;
    }
    for (const mounts of [await snapshotter.prepare('k', parent), await snapshotter.view('v', parent)]) {
      inTree(mounts, (path) => {
        assert.equal(readFileSync(`${path}/top`, 'utf8'), '127');
        assert.equal(readdirSync(`${path}/dirs`).length, 128);
      });
    }
    inTree(await snapshotter.mounts('k'), (path) => {
      rmSync(`${path}/dirs`, { recursive: true });
      assert.ok(!existsSync(`${path}/dirs`));
    });
  });

  law('usage counts allocated bytes and inodes of the snapshot itself', async ({ snapshotter }) => {
    // The least that a snapshot takes.
    await commitLayer(snapshotter, 'nothing', undefined, () => undefined);
    const before = await snapshotter.usage('nothing');
    await snapshotter.prepare('k');
    inTree(await snapshotter.mounts('k'), (path) => {
      writeFileSync(`${path}/data`, Buffer.alloc(1 << 20, 1));
      linkSync(`${path}/data`, `${path}/again`);
      writeFileSync(`${path}/hole`, '');
      truncateSync(`${path}/hole`, 1 << 30);
    });
    await snapshotter.commit('A', 'k');
    const { bytes, inodes } = await snapshotter.usage('A');
    assert.equal(inodes - before.inodes, 2);
    assert.ok(bytes - before.bytes >= 1 << 20 && bytes - before.bytes < 2 << 20, `found ${bytes} bytes`);
  });

  law('a layer applied to its target is what is seen', async ({ snapshotter }) => {
    await commitLayer(snapshotter, 'A', undefined, (path) => writeFileSync(`${path}/low`, 'low'));
    await snapshotter.prepare('k', 'A');
    const target = await snapshotter.layerTarget('k');
    if (target.format === 'erofs') return;
    assert.ok(statSync(target.path).isDirectory());
    writeFileSync(`${target.path}/high`, 'high');
    if (target.format === 'overlay') {
      assert.deepEqual(readFileSync(`${target.lower[0]?.path}/low`, 'utf8'), 'low');
      linux.mknod(`${target.path}/low`, 0o20000, 0, 0);
    } else {
      assert.deepEqual(target.lower, []);
      unlinkSync(`${target.path}/low`);
    }
    await snapshotter.commit('B', 'k');
    assert.deepEqual(await committedTree(snapshotter, 'B'), { '.': '40755 0:0', high: '100644 0:0 high' });
  });
}
