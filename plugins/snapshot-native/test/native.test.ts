import 'reflect-metadata';
import { closeSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linux } from '@slipway/linux';
import { memoryMetadata } from '@slipway/plugin-testkit';
import { plugin } from '@slipway/snapshot-native';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { activate } from './activate.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-native-test-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const tree = (id: number): string => join(root, 'snapshots', String(id), 'fs');

it('is what its manifest says', () => {
  const { slipway } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const { provides, id, api, declares } = plugin;
  expect({ plugin: './dist/plugin.js', provides: provides.id, id, api, declares }).toEqual(slipway);
});

it('is skipped without root', async () => {
  const geteuid = vi.spyOn(process, 'geteuid').mockReturnValue(1000);
  await expect(activate(plugin, root, memoryMetadata())).rejects.toThrow(/skipped: .* without root/);
  geteuid.mockRestore();
});

it('keeps whole trees and copies nothing for a view', async () => {
  const { instance: snapshotter, owned } = await activate(plugin, root, memoryMetadata());
  expect(await snapshotter.prepare('a')).toEqual([{ kind: 'bind', source: tree(1), readOnly: false }]);
  writeFileSync(join(tree(1), 'file'), 'a');
  await snapshotter.commit('A', 'a');
  expect(await snapshotter.prepare('b', 'A')).toEqual([{ kind: 'bind', source: tree(2), readOnly: false }]);
  expect(readdirSync(tree(2))).toEqual(['file']);
  expect(await snapshotter.layerTarget('b')).toEqual({ format: 'directory', path: tree(2), lower: [] });
  expect(await snapshotter.view('v', 'A')).toEqual([{ kind: 'bind', source: tree(1), readOnly: true }]);
  expect(readdirSync(tree(3))).toEqual([]);
  await owned.disposeAsync();
});

it('takes no parent with a commit: a whole tree cannot be put onto another one', async () => {
  const { instance: snapshotter, owned } = await activate(plugin, root, memoryMetadata());
  await snapshotter.prepare('a');
  await snapshotter.commit('A', 'a');
  await snapshotter.prepare('b');
  await expect(snapshotter.commit('B', 'b', { parent: 'A' })).rejects.toMatchObject({
    kind: 'unimplemented',
    code: 'SNAPSHOT_REBASE_UNSUPPORTED',
    hint: 'prepare the snapshot on its parent',
  });
  expect(await snapshotter.stat('b')).toMatchObject({ kind: 'active' });
  await owned.disposeAsync();
});

it('says that the disk is full, leaves nothing, and works again when there is space', async () => {
  const fd = linux.mountDetached([{ kind: 'generic', fstype: 'tmpfs', source: 'small', flags: [], data: { size: '2m' } }]);
  const small = `/proc/self/fd/${fd}`;
  const { instance: snapshotter, owned } = await activate(plugin, small, memoryMetadata());
  await snapshotter.prepare('a');
  writeFileSync(join(small, 'snapshots/1/fs/big'), Buffer.alloc(1_300_000, 1));
  await snapshotter.commit('A', 'a');
  await expect(snapshotter.prepare('b', 'A')).rejects.toMatchObject({ kind: 'resource-exhausted', code: 'SYSTEM_ENOSPC' });
  expect(readdirSync(join(small, 'snapshots'))).toEqual(['1']);
  await expect(snapshotter.stat('b')).rejects.toMatchObject({ kind: 'not-found' });
  await snapshotter.remove('A');
  await snapshotter.prepare('b');
  await owned.disposeAsync();
  closeSync(fd);
});

it('bug: a snapshot whose folder was deleted was met with a bare ENOENT; it says what is gone, and what helps', async () => {
  const { instance: snapshotter, owned } = await activate(plugin, root, memoryMetadata());
  for (const [name, parent] of [['A'], ['B', 'A'], ['C', 'B']] as const) {
    await snapshotter.prepare('key', parent);
    await snapshotter.commit(name, 'key');
  }
  // A tree is whole: those below it are not read.
  for (const id of [3]) {
    const tree = join(root, 'snapshots', String(id), 'fs');
    rmSync(tree, { recursive: true });
    const gone = {
      kind: 'data-loss',
      code: 'SNAPSHOT_TREE_GONE',
      message: expect.stringContaining(`"${tree}" is not on disk`),
      hint: expect.stringContaining('slipway verify --repair'),
    };
    for (const make of ['prepare', 'view'] as const) await expect(snapshotter[make]('next', 'C')).rejects.toMatchObject(gone);
    mkdirSync(tree);
  }
  expect(await snapshotter.prepare('next', 'C')).toHaveLength(1);
  await owned.disposeAsync();
});
