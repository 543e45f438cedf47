import 'reflect-metadata';
import { closeSync, mkdirSync, mkdtempSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { linux } from '@slipway/linux';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { attachedTrees, sharedTrees } from '../dist/shared-trees.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-share-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('what a guest sees of the host is read-only around its trees, and the mount points are in it and not in the host', () => {
  for (const name of ['a', 'b']) mkdirSync(path.join(folder, name));
  writeFileSync(path.join(folder, 'b/file'), '');
  const sources = [path.join(folder, 'a'), path.join(folder, 'b/file')];
  const attachments = sources.map((source, index) => ({
    fd: linux.mountDetached([{ kind: 'bind', source, readOnly: false }]),
    directory: `/bundle/trees/${index}`,
  }));
  const binds = attachments.map(({ directory }, index) => ({ destination: `/${index}`, type: 'bind', source: directory }));
  const shared = path.join(folder, 'shared');
  const { trees, others } = sharedTrees(attachments, binds, shared);
  {
    using attached = attachedTrees(shared, trees, others);
    const [root, ...rest] = attached.mounts;
    expect(root?.directory).toBe(shared);
    expect(rest.map(({ directory }) => path.relative(shared, directory))).toEqual(['0', '1']);
    const inside = `/proc/self/fd/${root?.fd}`;
    const kinds = readdirSync(inside, { withFileTypes: true }).map((entry) => [entry.name, entry.isDirectory()]);
    expect(kinds.sort()).toEqual([
      ['0', true],
      ['1', false],
    ]);
    for (const make of [() => mkdirSync(`${inside}/2`), () => writeFileSync(`${inside}/1`, 'x'), () => unlinkSync(`${inside}/1`)])
      expect(make).toThrow(expect.objectContaining({ code: 'EROFS' }));
    expect(readdirSync(shared)).toEqual([]);
  }
  for (const { fd } of attachments) closeSync(fd);
});

test('without trees of the host nothing is shared, and what else was handed over has its mount point', () => {
  const namespace = path.join(folder, 'bundle/ns/net');
  mkdirSync(path.join(folder, 'source'));
  const fd = linux.mountDetached([{ kind: 'bind', source: path.join(folder, 'source'), readOnly: true }]);
  const { trees, others } = sharedTrees([{ fd, directory: namespace }], [], path.join(folder, 'shared'));
  using attached = attachedTrees(path.join(folder, 'shared'), trees, others);
  expect(attached.mounts).toEqual([{ fd, directory: namespace }]);
  expect(readdirSync(path.join(folder, 'bundle/ns'))).toEqual(['net']);
  closeSync(fd);
});
