import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createErofsImage } from '@slipway/layers';
import { linux } from '@slipway/linux';
import type { LayersMount, Snapshotter } from '@slipway/plugin-api';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKata, type Settings } from './subject.ts';

const ext4: Settings = { upper: 'ext4', upper_size: 10_240 };
const directory: Settings = { ...ext4, upper: 'directory' };
const plain = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 0, mtimeNanoseconds: 0, xattrs: [] };

let root: string;
let opened: AsyncDisposableStack;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-kata-test-'));
  opened = new AsyncDisposableStack();
});
afterEach(async () => {
  await opened.disposeAsync();
  rmSync(root, { recursive: true, force: true });
});

const open = async (settings: Settings, at = root): Promise<Snapshotter> => opened.use(await openKata(at, settings)).instance;
const folder = (id: number): string => join(root, 'plugin/snapshots', String(id));

function inTree<R>(mounts: Awaited<ReturnType<Snapshotter['mounts']>>, look: (path: string) => R): R {
  const fd = linux.mountDetached(mounts);
  try {
    return look(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

/** As a differ would. */
async function apply(snapshotter: Snapshotter, key: string, name: string, isOpaque = false): Promise<void> {
  const fd = openSync((await snapshotter.layerTarget(key)).path, 'wx+');
  const xattrs = isOpaque ? [{ name: 'trusted.overlay.opaque', value: Buffer.from('y') }] : [];
  const image = createErofsImage(fd, { form: 'flat', root: { ...plain, xattrs } });
  image.beginFile(name.length);
  image.writeFile(Buffer.from(name), 0, name.length, 0);
  image.makeFile(image.root, name, { ...plain, mode: 0o644 }, image.endFile());
  image.finish();
  closeSync(fd);
}

/** The names that are seen in a committed snapshot. */
async function namesIn(snapshotter: Snapshotter, name: string): Promise<string[]> {
  const mounts = await snapshotter.view(`look at ${name}`, name);
  try {
    return inTree(mounts, (path) => readdirSync(path).sort());
  } finally {
    await snapshotter.remove(`look at ${name}`);
  }
}

describe('an active snapshot', () => {
  it('is a sparse file system that is whole and takes few blocks, with the attributes of its parent’s root', async () => {
    const snapshotter = await open(ext4);
    await snapshotter.prepare('a');
    inTree(await snapshotter.mounts('a'), (path) => {
      chownSync(`${path}/.`, 4_000_000_001, 70_000);
      chmodSync(`${path}/.`, 0o1711);
      linux.lutimes(`${path}/.`, 3n, 9_876_543_210_123_456_789n);
    });
    await snapshotter.commit('A', 'a');
    await snapshotter.prepare('b', 'A');
    const file = join(folder(2), 'upper.ext4');
    const { size, blocks } = statSync(file);
    expect(size).toBe(10 * 2 ** 30);
    expect(blocks * 512).toBeLessThanOrEqual(128 * 1024);
    execFileSync('e2fsck', ['-fn', file], { stdio: 'pipe' });
    const [mount] = (await snapshotter.mounts('b')) as [LayersMount];
    expect(mount).toEqual({
      kind: 'layers',
      lower: [{ kind: 'erofs', source: join(folder(1), 'layer.erofs') }],
      upper: { kind: 'block', source: file, fstype: 'ext4', readOnly: false },
    });
    inTree([mount], (path) => {
      const { mode, uid, gid, mtimeNs } = lstatSync(`${path}/.`, { bigint: true });
      expect({ mode, uid, gid, mtimeNs }).toEqual({
        mode: 0o41711n,
        uid: 4_000_000_001n,
        gid: 70_000n,
        mtimeNs: 9_876_543_210_123_456_789n,
      });
    });
    execFileSync('e2fsck', ['-fn', file], { stdio: 'pipe' });
  });

  it('is of the size that is configured', async () => {
    for (const upper_size of [64, 700, 5000]) {
      const at = join(root, String(upper_size));
      mkdirSync(at);
      const snapshotter = await open({ ...ext4, upper_size }, at);
      inTree(await snapshotter.prepare('k'), (path) => {
        writeFileSync(`${path}/file`, 'x');
        const { blocks, blockSize } = linux.statfs(path);
        expect(Number(blocks) * blockSize).toBeGreaterThan(upper_size * 0.8 * 2 ** 20);
        expect(Number(blocks) * blockSize).toBeLessThanOrEqual(upper_size * 2 ** 20);
      });
    }
  });

  it('of a size that is full says so to who writes, and what was written can be committed', async () => {
    const snapshotter = await open({ ...ext4, upper_size: 64 });
    inTree(await snapshotter.prepare('k'), (path) => {
      const fd = openSync(`${path}/file`, 'w');
      try {
        expect(() => {
          for (let i = 0; i < 100; i++) writeSync(fd, Buffer.alloc(1 << 20, 1));
        }).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
      } finally {
        closeSync(fd);
      }
    });
    await snapshotter.commit('A', 'k');
    expect(await namesIn(snapshotter, 'A')).toEqual(['file']);
  });

  it('keeps the form that it was made in when another is configured', async () => {
    for (const [made, later] of [
      [ext4, directory],
      [directory, ext4],
    ] as const) {
      const at = join(root, made.upper);
      mkdirSync(at);
      const before = await open(made, at);
      inTree(await before.prepare('k'), (path) => writeFileSync(`${path}/file`, ''));
      const mounts = await before.mounts('k');
      const after = await open(later, at);
      expect(await after.mounts('k')).toEqual(mounts);
      expect(await after.trees('k')).toEqual(await before.trees('k'));
      await after.commit('A', 'k');
      expect(await namesIn(after, 'A')).toEqual(['file']);
    }
  });

  it('in directories is mounted with these', async () => {
    const snapshotter = await open(directory);
    expect(await snapshotter.prepare('a')).toEqual([
      {
        kind: 'layers',
        lower: [{ kind: 'erofs', source: join(root, 'plugin/made/empty.erofs') }],
        upper: { kind: 'directories', upper: join(folder(1), 'fs'), work: join(folder(1), 'work') },
      },
    ]);
    await snapshotter.commit('A', 'a');
    expect(readdirSync(folder(1))).toEqual(['layer.erofs']);
    expect(await snapshotter.view('v', 'A')).toEqual([
      { kind: 'layers', lower: [{ kind: 'erofs', source: join(folder(1), 'layer.erofs') }] },
    ]);
  });
});

describe.each([ext4, directory])('with changes in $upper', (settings) => {
  it('what a differ has applied is seen, told, and becomes the layer as it is', async () => {
    const snapshotter = await open(settings);
    await snapshotter.prepare('base');
    await apply(snapshotter, 'base', 'below');
    await snapshotter.commit('A', 'base');
    await snapshotter.prepare('k', 'A');
    await apply(snapshotter, 'k', 'applied');
    const { path: applied } = await snapshotter.layerTarget('k');
    const below = { format: 'erofs', path: join(folder(1), 'layer.erofs') } as const;
    expect(await snapshotter.trees('k')).toEqual([{ format: 'erofs', path: applied }, below]);
    const bytes = readFileSync(applied);
    await snapshotter.commit('B', 'k');
    expect(readdirSync(folder(2))).toEqual(['layer.erofs']);
    expect(readFileSync(join(folder(2), 'layer.erofs')).equals(bytes)).toBe(true);
    expect(await snapshotter.trees('B')).toEqual([{ format: 'erofs', path: join(folder(2), 'layer.erofs') }, below]);
    expect(await namesIn(snapshotter, 'B')).toEqual(['applied', 'below']);
  });

  it('a layer and changes together are no layer: a commit refuses, and everything stays', async () => {
    const snapshotter = await open(settings);
    await snapshotter.prepare('k');
    await apply(snapshotter, 'k', 'applied');
    inTree(await snapshotter.mounts('k'), (path) => {
      expect(readdirSync(path)).toEqual(['applied']);
      writeFileSync(`${path}/written`, '');
    });
    await expect(snapshotter.commit('A', 'k')).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: 'SNAPSHOT_LAYER_AND_CHANGES',
    });
    expect(await snapshotter.stat('k')).toMatchObject({ kind: 'active' });
    expect((await snapshotter.trees('k')).map(({ format }) => format)).toEqual([
      settings.upper === 'ext4' ? 'ext4' : 'overlay',
      'erofs',
    ]);
    expect(inTree(await snapshotter.mounts('k'), (path) => readdirSync(path).sort())).toEqual(['applied', 'written']);
  });

  it('a layer with an opaque root hides all below, which overlayfs itself does not see to', async () => {
    const snapshotter = await open(settings);
    await snapshotter.prepare('base');
    await apply(snapshotter, 'base', 'hidden');
    await snapshotter.commit('A', 'base');
    await snapshotter.prepare('k', 'A');
    await apply(snapshotter, 'k', 'opaque', true);
    expect(inTree(await snapshotter.mounts('k'), (path) => readdirSync(path))).toEqual(['opaque']);
  });

  it('an opaque root that is committed hides all below', async () => {
    const snapshotter = await open(settings);
    await snapshotter.prepare('base');
    await apply(snapshotter, 'base', 'hidden');
    await snapshotter.commit('A', 'base');
    await snapshotter.prepare('k');
    await apply(snapshotter, 'k', 'opaque', true);
    await snapshotter.commit('B', 'k', { parent: 'A' });
    expect(await namesIn(snapshotter, 'B')).toEqual(['opaque']);
    expect(await snapshotter.trees('B')).toHaveLength(1);
    await snapshotter.prepare('next', 'B');
    expect((await snapshotter.layerTarget('next')).lower).toHaveLength(1);
  });

  it('bug: what a commit that was killed had made of a snapshot was kept, though it had changed since', async () => {
    const snapshotter = await open(settings);
    inTree(await snapshotter.prepare('k'), (path) => writeFileSync(`${path}/before`, ''));
    for (const name of ['layer.erofs', 'layer.tar', 'new.erofs', 'opaque']) writeFileSync(join(folder(1), name), 'left');
    inTree(await snapshotter.mounts('k'), (path) => writeFileSync(`${path}/since`, ''));
    await snapshotter.commit('A', 'k');
    expect(readdirSync(folder(1))).toEqual(['layer.erofs']);
    expect(await namesIn(snapshotter, 'A')).toEqual(['before', 'since']);
  });

  it('a damaged image fails the commit that it was applied for', async () => {
    const snapshotter = await open(settings);
    await snapshotter.prepare('k');
    writeFileSync((await snapshotter.layerTarget('k')).path, 'no image');
    await expect(snapshotter.commit('A', 'k')).rejects.toMatchObject({ code: 'EROFS_IMAGE_INVALID' });
    await expect(snapshotter.stat('A')).rejects.toMatchObject({ kind: 'not-found' });
    await snapshotter.remove('k');
  });

  it('a snapshot whose file was deleted is told by its name', async () => {
    const snapshotter = await open(settings);
    for (const [name, parent] of [['A'], ['B', 'A'], ['C', 'B']] as const) {
      await snapshotter.prepare('key', parent);
      await snapshotter.commit(name, 'key');
    }
    for (const id of [3, 2, 1]) {
      const layer = join(folder(id), 'layer.erofs');
      const bytes = readFileSync(layer);
      rmSync(layer);
      const gone = {
        kind: 'data-loss',
        code: 'SNAPSHOT_TREE_GONE',
        message: expect.stringContaining(`"${layer}" is not on disk`),
      };
      for (const make of ['prepare', 'view'] as const) await expect(snapshotter[make]('next', 'C')).rejects.toMatchObject(gone);
      writeFileSync(layer, bytes);
    }
    expect(await snapshotter.prepare('next', 'C')).toHaveLength(1);
  });

  it('500 layers can be mounted, and more are refused in time', async () => {
    // In memory: each commit flushes.
    const memory = mkdtempSync('/dev/shm/slipway-kata-test-');
    opened.defer(() => rmSync(memory, { recursive: true, force: true }));
    const snapshotter = await open(settings, memory);
    let parent: string | undefined;
    for (let layer = 1; layer <= 499; layer++) {
      await snapshotter.prepare('key', parent);
      await snapshotter.commit(`layer-${layer}`, 'key');
      parent = `layer-${layer}`;
    }
    const mounts = await snapshotter.prepare('last', parent);
    for (const readOnly of [true, false]) closeSync(linux.mountDetached(mounts, { readOnly }));
    await snapshotter.commit('layer-500', 'last');
    const tooMany = { kind: 'resource-exhausted', code: 'OVERLAY_TOO_MANY_LAYERS' };
    await expect(snapshotter.prepare('key', 'layer-500')).rejects.toMatchObject(tooMany);
    await snapshotter.prepare('key');
    await expect(snapshotter.commit('layer-501', 'key', { parent: 'layer-500' })).rejects.toMatchObject(tooMany);
    await opened.disposeAsync();
  });

  it('a full disk fails what needs space, says so, and leaves nothing', async () => {
    const disk = join(root, 'disk');
    mkdirSync(disk);
    const data = { size: '40m', mode: '0700' };
    const fd = linux.mountDetached([{ kind: 'generic', fstype: 'tmpfs', source: 'small', flags: [], data }]);
    linux.attachMount(fd, disk);
    closeSync(fd);
    opened.defer(() => linux.unmount(disk, { detach: true }));
    const snapshotter = await open(settings, disk);
    inTree(await snapshotter.prepare('k'), (path) => writeFileSync(`${path}/file`, Buffer.alloc(18 << 20, 1)));
    const filler = join(disk, 'filler');
    execFileSync('sh', ['-c', `cat /dev/zero > ${filler} 2>/dev/null || true`]);
    const before = readdirSync(join(disk, 'plugin/snapshots'));
    const full = { kind: 'resource-exhausted' };
    await expect(snapshotter.prepare('next')).rejects.toMatchObject(full);
    await expect(snapshotter.commit('A', 'k')).rejects.toMatchObject(full);
    expect(readdirSync(join(disk, 'plugin/snapshots'))).toEqual(before);
    expect(await snapshotter.stat('k')).toMatchObject({ kind: 'active' });
    unlinkSync(filler);
    await snapshotter.commit('A', 'k');
    expect(await namesIn(snapshotter, 'A')).toEqual(['file']);
  });
});

describe('with verity', () => {
  const sha256 = (...parts: readonly Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

  it('each layer has a hash tree, and mounts name it with its root digest', async () => {
    const snapshotter = await open({ ...ext4, verity: true });
    inTree(await snapshotter.prepare('a'), (path) => writeFileSync(`${path}/file`, Buffer.alloc(3 << 20, 7)));
    await snapshotter.commit('A', 'a');
    await snapshotter.prepare('b', 'A');
    await apply(snapshotter, 'b', 'applied');
    await snapshotter.commit('B', 'b');
    const [{ lower }] = (await snapshotter.view('v', 'B')) as [LayersMount];
    expect(lower.map(({ verity }) => verity?.hashes)).toEqual([2, 1].map((id) => join(folder(id), 'layer.verity')));
    for (const { source, verity } of lower) {
      const [image, tree] = [readFileSync(source), readFileSync(verity?.hashes ?? '')];
      const blocks = (of: Buffer): Buffer[] =>
        Array.from({ length: of.length / 4096 }, (_, index) => of.subarray(index * 4096, (index + 1) * 4096));
      // Topmost level first, behind the superblock.
      let level = image;
      while (level.length > 4096) {
        const digests = Buffer.concat(blocks(level).map((block) => sha256(block)));
        level = Buffer.concat([digests, Buffer.alloc(-digests.length & 4095)]);
      }
      expect(sha256(level).toString('hex')).toBe(verity?.rootDigest);
      expect(tree.subarray(0, 6).toString()).toBe('verity');
      if (image.length > 4096) expect(tree.subarray(4096, 8192).equals(level)).toBe(true);
    }
    closeSync(linux.mountDetached(await snapshotter.mounts('v')));
    expect((await snapshotter.usage('A')).bytes).toBeGreaterThan(3 << 20);
  });

  it('images beside archives are refused: the tree would not be of what is in them', async () => {
    const snapshotter = await open({ ...ext4, verity: true });
    await snapshotter.prepare('k');
    await apply(snapshotter, 'k', 'applied');
    writeFileSync((await snapshotter.layerTarget('k')).path.replace('.erofs', '.tar'), '');
    await expect(snapshotter.commit('A', 'k')).rejects.toMatchObject({ code: 'SNAPSHOT_VERITY_UNSUPPORTED' });
    expect(await snapshotter.stat('k')).toMatchObject({ kind: 'active' });
  });
});

describe('the template', () => {
  const templates = (): string[] => readdirSync(join(root, 'plugin/made')).sort();
  const template = (): string => join(root, 'plugin/made', templates().find((name) => name.startsWith('upper-')) ?? '');

  it('is made once, and again when it is damaged', async () => {
    const first = await open(ext4);
    await first.prepare('a');
    const bytes = readFileSync(template());
    for (const damaged of [
      bytes.subarray(0, 1000),
      Buffer.from(bytes).fill(7, 20_000, 20_001),
      Buffer.alloc(0),
      Buffer.from('{}\n'),
    ]) {
      writeFileSync(template(), damaged);
      const again = await open(ext4);
      await again.prepare('b');
      expect(readFileSync(template()).length).toBe(bytes.length);
      inTree(await again.mounts('b'), (path) => writeFileSync(`${path}/file`, ''));
      await again.remove('b');
    }
    const { mtimeMs } = statSync(template());
    await (await open(ext4)).prepare('c');
    expect(statSync(template()).mtimeMs).toBe(mtimeMs);
  });

  it('leaves nothing of who was killed while making one', async () => {
    const child = spawnSync(process.execPath, [join(import.meta.dirname, 'killed-maker.ts'), root], { encoding: 'utf8' });
    expect({ signal: child.signal, stderr: child.stderr }).toEqual({ signal: 'SIGKILL', stderr: '' });
    expect(templates().some((name) => name.startsWith('make-'))).toBe(true);
    const snapshotter = await open(ext4);
    await snapshotter.cleanup();
    expect(templates()).toEqual(['empty.erofs']);
    await snapshotter.prepare('k');
    expect(templates()).toEqual(['empty.erofs', `upper-${10 * 2 ** 30}.v2`]);
  });

  it('without mkfs.ext4 the plugin is skipped, with what helps; with a template it is not needed', () => {
    const child = (...args: readonly string[]): string => {
      const { stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'no-mkfs-child.ts'), root, ...args], {
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      return stdout.trim();
    };
    expect(child()).toBe(
      'PLUGIN_SKIPPED skipped: mkfs.ext4 was not found (install e2fsprogs, or set upper = "directory" in [plugin.snapshot-kata])',
    );
    expect(existsSync(join(root, 'plugin/made', `upper-${10 * 2 ** 30}.v2`))).toBe(false);
    expect(child('after')).toBe('opened\nprepared');
    expect(child('directory')).toBe('opened\nprepared');
  });
});

it('makes nothing until there is something to make: who only lists, verifies or cleans up need not have room for it', async () => {
  for (const settings of [ext4, directory]) {
    const snapshotter = await open(settings);
    expect(await Array.fromAsync(snapshotter.walk())).toEqual([]);
    await snapshotter.cleanup();
    expect(existsSync(join(root, 'plugin/made'))).toBe(false);
  }
});

it('a guest that has written what was not there hides it by no count of its own', async () => {
  const snapshotter = await open(ext4);
  const mounts = (await snapshotter.prepare('k')) as [LayersMount];
  inTree(mounts, (path) => writeFileSync(`${path}/hidden`, ''));
  const [{ upper }] = mounts;
  if (upper?.kind !== 'block') throw new Error('no file system');
  const fd = openSync(upper.source, 'r+');
  // s_mnt_count, and s_free_inodes_count: more than there are.
  writeSync(fd, Buffer.from([0, 0]), 0, 2, 1024 + 52);
  writeSync(fd, Buffer.alloc(4, 255), 0, 4, 1024 + 16);
  closeSync(fd);
  expect((await snapshotter.usage('k')).inodes).toBe(0);
  expect((await snapshotter.trees('k')).map(({ format }) => format)).toEqual(['ext4']);
  await snapshotter.commit('A', 'k');
  expect(await namesIn(snapshotter, 'A')).toEqual(['hidden']);
});

it('a superblock that a hostile guest has written is mounted by nobody', async () => {
  const snapshotter = await open(ext4);
  const [{ upper }] = (await snapshotter.prepare('k')) as [LayersMount];
  if (upper?.kind !== 'block') throw new Error('no file system');
  const fd = openSync(upper.source, 'r+');
  // s_errors: panic.
  writeSync(fd, Buffer.from([3, 0]), 0, 2, 1024 + 60);
  closeSync(fd);
  await expect(snapshotter.commit('A', 'k')).rejects.toMatchObject({
    kind: 'failed-precondition',
    code: 'IMAGE_FORGED',
    message: expect.stringContaining('s_errors in its superblock is 0x3'),
    hint: expect.stringMatching(/./),
  });
  expect(await snapshotter.stat('k')).toMatchObject({ kind: 'active' });
  await snapshotter.remove('k');
});

it('a link that a hostile guest has put in the place of a folder leads nobody out of its image', async () => {
  const snapshotter = await open(ext4);
  const [{ upper }] = (await snapshotter.prepare('k')) as [LayersMount];
  if (upper?.kind !== 'block') throw new Error('no file system');
  const fd = linux.mountUpper(upper);
  rmSync(`/proc/self/fd/${fd}/upper`, { recursive: true });
  symlinkSync('/etc', `/proc/self/fd/${fd}/upper`);
  closeSync(fd);
  await expect(snapshotter.commit('A', 'k')).rejects.toMatchObject({ code: 'SYSTEM_ENOTDIR' });
});
