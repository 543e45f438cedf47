import 'reflect-metadata';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import type { GenericMount } from '@slipway/plugin-api';
import { memoryMetadata } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/snapshot-overlay';
import { makeFolder } from '@slipway/snapshots';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { activate } from './activate.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-overlay-test-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const tree = (id: number): string => join(root, 'snapshots', String(id), 'fs');

describe('the plugin', () => {
  it('is what its manifest says', () => {
    const { slipway } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    const { provides, id, api, declares } = plugin;
    expect({ plugin: './dist/plugin.js', provides: provides.id, id, api, declares }).toEqual(slipway);
  });

  it('is skipped on overlayfs, with the reason', async () => {
    const folders = ['one', 'two', 'upper', 'work'].map((name) => join(root, name)) as [string, string, string, string];
    for (const folder of folders) mkdirSync(folder);
    const [one, two, upper, work] = folders;
    const fd = linux.mountDetached([{ kind: 'overlay', lower: [one, two], upper, work }]);
    await expect(activate(plugin, `/proc/self/fd/${fd}`, memoryMetadata())).rejects.toThrow(/skipped: .* is on overlayfs/);
    closeSync(fd);
  });

  it('is skipped where trusted attributes cannot be kept, and leaves nothing', async () => {
    const ramfs: GenericMount = { kind: 'generic', fstype: 'ramfs', source: 'ramfs', flags: [], data: {} };
    const fd = linux.mountDetached([ramfs]);
    await expect(activate(plugin, `/proc/self/fd/${fd}`, memoryMetadata())).rejects.toThrow(
      /skipped: overlayfs does not work .*lsetxattr/,
    );
    expect(readdirSync(`/proc/self/fd/${fd}`)).toEqual([]);
    closeSync(fd);
  });

  it('removes what a killed probe left, and leaves a living one alone', async () => {
    mkdirSync(join(root, 'probe-dead/upper'), { recursive: true });
    using _living = makeFolder(linux, join(root, 'probe-living'));
    const { owned, capabilities } = await activate(plugin, root, memoryMetadata());
    expect(readdirSync(root).sort()).toEqual(['probe-living', 'snapshots']);
    expect(capabilities).toEqual({ overlay: true, rebase: true });
    await owned.disposeAsync();
  });
});

it('probes once for a folder and a state folder', async () => {
  const state = mkdtempSync(join(tmpdir(), 'slipway-overlay-state-'));
  const probesIn = async (folder: string): Promise<boolean> => {
    mkdirSync(join(folder, 'probe-left'), { recursive: true });
    const { owned } = await activate(plugin, folder, memoryMetadata(), state);
    await owned.disposeAsync();
    return !readdirSync(folder).includes('probe-left');
  };
  try {
    expect(await probesIn(root)).toBe(true);
    expect(await probesIn(root)).toBe(false);
    expect(await probesIn(join(root, 'another'))).toBe(true);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
});

it('is not skipped because another process probes at the same moment', async () => {
  const child = join(import.meta.dirname, 'subject.ts');
  const script = `import(${JSON.stringify(child)}).then(async ({ openSubject }) => {
    for (let i = 0; i < 100; i++) await (await openSubject(process.argv[1]))[Symbol.asyncDispose]();
  });`;
  const children = [1, 2, 3].map(() => spawn(process.execPath, ['-e', script, root], { stdio: 'inherit' }));
  const codes = await Promise.all(children.map(async (process) => (await once(process, 'exit'))[0]));
  expect(codes).toEqual([0, 0, 0]);
  expect(readdirSync(join(root, 'plugin'))).toEqual(['snapshots']);
});

it('bug: 500 layers and more were kept and could not be mounted', async () => {
  // In memory: each commit syncs the file system.
  const memory = mkdtempSync('/dev/shm/slipway-overlay-test-');
  const { instance: snapshotter, owned } = await activate(plugin, memory, memoryMetadata());
  owned.defer(() => rmSync(memory, { recursive: true, force: true }));
  let parent: string | undefined;
  for (let layer = 1; layer <= 499; layer++) {
    await snapshotter.prepare('key', parent);
    await snapshotter.commit(`layer-${layer}`, 'key');
    parent = `layer-${layer}`;
  }
  const fd = linux.mountDetached(await snapshotter.prepare('last', parent), { readOnly: true });
  closeSync(fd);
  await snapshotter.commit('layer-500', 'last');
  await expect(snapshotter.prepare('key', 'layer-500')).rejects.toMatchObject({ code: 'OVERLAY_TOO_MANY_LAYERS' });
  await expect(snapshotter.stat('key')).rejects.toMatchObject({ kind: 'not-found' });
  await owned.disposeAsync();
});

describe('a layer', () => {
  it('is mounted by what it is and how many parents it has', async () => {
    const { instance: snapshotter, owned } = await activate(plugin, root, memoryMetadata());
    expect(await snapshotter.prepare('a')).toEqual([{ kind: 'bind', source: tree(1), readOnly: false }]);
    expect(await snapshotter.view('v0')).toEqual([{ kind: 'bind', source: tree(2), readOnly: true }]);
    await snapshotter.commit('A', 'a');
    const work = join(root, 'snapshots/3/work');
    expect(await snapshotter.prepare('b', 'A')).toEqual([{ kind: 'overlay', lower: [tree(1)], upper: tree(3), work }]);
    expect(readdirSync(join(root, 'snapshots/3')).sort()).toEqual(['fs', 'work']);
    await snapshotter.commit('B', 'b');
    expect(readdirSync(join(root, 'snapshots/3'))).toEqual(['fs']);
    expect(await snapshotter.view('v1', 'A')).toEqual([{ kind: 'bind', source: tree(1), readOnly: true }]);
    expect(await snapshotter.view('v2', 'B')).toEqual([{ kind: 'overlay', lower: [tree(3), tree(1)] }]);
    await snapshotter.prepare('c', 'B');
    expect(await snapshotter.layerTarget('c')).toEqual({
      format: 'overlay',
      path: tree(6),
      lower: [
        { format: 'overlay', path: tree(3) },
        { format: 'overlay', path: tree(1) },
      ],
    });
    await owned.disposeAsync();
  });

  it('with an opaque root hides all below, which overlayfs itself does not see to', async () => {
    const { instance: snapshotter, owned } = await activate(plugin, root, memoryMetadata());
    await snapshotter.prepare('a');
    writeFileSync(join(tree(1), 'hidden'), '');
    await snapshotter.commit('A', 'a');
    await snapshotter.prepare('b', 'A');
    linux.lsetxattr(tree(2), 'trusted.overlay.opaque', Buffer.from('y'));
    linux.lsetxattr(tree(2), 'user.mine', Buffer.from('kept'));
    writeFileSync(join(tree(2), 'seen'), '');
    expect(await snapshotter.mounts('b')).toEqual([{ kind: 'bind', source: tree(2), readOnly: false }]);
    await snapshotter.commit('B', 'b');
    const fd = linux.mountDetached(await snapshotter.prepare('c', 'B'));
    expect(readdirSync(`/proc/self/fd/${fd}`)).toEqual(['seen']);
    expect((await snapshotter.layerTarget('c')).lower).toEqual([{ format: 'overlay', path: tree(2) }]);
    expect(await snapshotter.view('v', 'B')).toEqual([{ kind: 'bind', source: tree(2), readOnly: true }]);
    expect(linux.lgetxattr(tree(3), 'trusted.overlay.opaque')).toBeUndefined();
    expect(linux.lgetxattr(tree(3), 'user.mine')?.toString()).toBe('kept');
    closeSync(fd);
    await owned.disposeAsync();
  });
});

describe('a layer that was made without a parent', () => {
  it('is put onto one when it is committed, and holds it', async () => {
    const { instance: snapshotter, owned } = await activate(plugin, root, memoryMetadata());
    for (const key of ['a', 'b', 'c']) {
      await snapshotter.prepare(key);
      writeFileSync(join((await snapshotter.layerTarget(key)).path, key), '');
    }
    await snapshotter.commit('A', 'a');
    await snapshotter.commit('B', 'b', { parent: 'A', labels: { of: 'B' } });
    await snapshotter.commit('C', 'c', { parent: 'B' });
    expect(await snapshotter.stat('B')).toMatchObject({ kind: 'committed', parent: 'A', labels: { of: 'B' } });
    expect((await snapshotter.trees('C')).map(({ path }) => path)).toEqual([tree(3), tree(2), tree(1)]);
    const fd = linux.mountDetached(await snapshotter.prepare('d', 'C'));
    expect(readdirSync(`/proc/self/fd/${fd}`).sort()).toEqual(['a', 'b', 'c']);
    closeSync(fd);
    await expect(snapshotter.remove('B')).rejects.toMatchObject({ code: 'SNAPSHOT_HAS_CHILDREN' });
    await snapshotter.remove('d');
    for (const name of ['C', 'B', 'A']) await snapshotter.remove(name);
    await owned.disposeAsync();
  });

  it('stays as it is when it cannot be put there', async () => {
    const { instance: snapshotter, owned } = await activate(plugin, root, memoryMetadata());
    await snapshotter.prepare('a');
    await snapshotter.commit('A', 'a');
    await snapshotter.prepare('on-a', 'A');
    await snapshotter.prepare('free');
    await snapshotter.view('view', 'A');
    const refusals = [
      ['on-a', 'A', { kind: 'failed-precondition', code: 'SNAPSHOT_HAS_PARENT' }],
      ['view', 'A', { kind: 'failed-precondition', code: 'SNAPSHOT_WRONG_KIND' }],
      ['free', 'missing', { kind: 'not-found', code: 'SNAPSHOT_PARENT_NOT_FOUND' }],
      ['free', 'on-a', { kind: 'invalid-argument', code: 'SNAPSHOT_PARENT_NOT_COMMITTED' }],
      ['free', 'free', { kind: 'invalid-argument', code: 'SNAPSHOT_PARENT_NOT_COMMITTED' }],
      ['free', 'view', { kind: 'invalid-argument', code: 'SNAPSHOT_PARENT_NOT_COMMITTED' }],
      ['free', '', { kind: 'invalid-argument', code: 'SNAPSHOT_KEY_INVALID' }],
    ] as const;
    for (const [key, parent, error] of refusals)
      await expect(snapshotter.commit('B', key, { parent })).rejects.toMatchObject(error);
    await expect(snapshotter.commit('A', 'free', { parent: 'A' })).rejects.toMatchObject({ code: 'SNAPSHOT_EXISTS' });
    await snapshotter.commit('B', 'free', { parent: 'A' });
    await owned.disposeAsync();
  });

  it('is never on more layers than can be mounted', async () => {
    // In memory: each commit syncs the file system.
    const memory = mkdtempSync('/dev/shm/slipway-overlay-test-');
    const { instance: snapshotter, owned } = await activate(plugin, memory, memoryMetadata());
    owned.defer(() => rmSync(memory, { recursive: true, force: true }));
    for (let layer = 1; layer <= 500; layer++) {
      await snapshotter.prepare('key');
      await snapshotter.commit(`layer-${layer}`, 'key', layer > 1 ? { parent: `layer-${layer - 1}` } : {});
    }
    await snapshotter.prepare('key');
    await expect(snapshotter.commit('layer-501', 'key', { parent: 'layer-500' })).rejects.toMatchObject({
      code: 'OVERLAY_TOO_MANY_LAYERS',
    });
    expect(await snapshotter.stat('key')).toMatchObject({ kind: 'active' });
    closeSync(linux.mountDetached(await snapshotter.prepare('top', 'layer-499'), { readOnly: true }));
    await owned.disposeAsync();
  });
});

it('bug: a snapshot whose folder was deleted was met with a bare ENOENT; it says what is gone, and what helps', async () => {
  const { instance: snapshotter, owned } = await activate(plugin, root, memoryMetadata());
  for (const [name, parent] of [['A'], ['B', 'A'], ['C', 'B']] as const) {
    await snapshotter.prepare('key', parent);
    await snapshotter.commit(name, 'key');
  }
  for (const id of [3, 2, 1]) {
    const tree = join(root, 'snapshots', String(id), 'fs');
    rmSync(tree, { recursive: true });
    const gone = {
      kind: 'data-loss',
      code: 'SNAPSHOT_TREE_GONE',
      message: expect.stringContaining(`"${tree}" is not on disk`),
      hint: expect.stringContaining('slipway verify --repair'),
    };
    for (const make of ['prepare', 'view'] as const) await expect(snapshotter[make]('next', 'C')).rejects.toMatchObject(gone);
    await expect(snapshotter.trees('C')).rejects.toMatchObject(gone);
    mkdirSync(tree);
  }
  expect(await snapshotter.prepare('next', 'C')).toHaveLength(1);
  await owned.disposeAsync();
});
