import { execFileSync } from 'node:child_process';
import { linkSync, lutimesSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { imageLayout, readImage } from '@slipway/fixtures';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { diffTrees, escapeBytes, listTree, treeOfLayers } from '../src/index.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'slipway-tree-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test('every kind of file is listed with all that it has', () => {
  mkdirSync(path.join(root, 'd'), { mode: 0o750 });
  writeFileSync(path.join(root, 'd/f'), 'hello', { mode: 0o640 });
  linkSync(path.join(root, 'd/f'), path.join(root, 'g'));
  symlinkSync('d/f\n', path.join(root, 'l'));
  execFileSync('touch', ['-d', '@-1', path.join(root, 'g')]);
  lutimesSync(path.join(root, 'l'), 1, 2);
  execFileSync('mkfifo', ['-m', '600', path.join(root, 'p')]);
  execFileSync('mknod', [path.join(root, 'b'), 'b', '260', '300']);
  execFileSync('setfattr', ['-n', 'user.x', '-v', '0x000aff', path.join(root, 'd')]);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.of(0xff)]), '');
  const listed = new Map(listTree(root).map((entry) => [entry.path, entry]));
  expect([...listed.keys()]).toEqual(['/', '/b', '/d', '/d/f', '/g', '/l', '/p', '/\\xff']);
  expect(listed.get('/d')).toMatchObject({ type: 'd', mode: '0750', xattrs: { 'user.x': '000aff' } });
  expect(listed.get('/g')).toMatchObject({ type: 'f', mode: '0640', size: 5, mtimeNs: '-1000000000', hardLinkOf: '/d/f' });
  expect(listed.get('/g')?.sha256).toBe('2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
  expect(listed.get('/l')).toMatchObject({ type: 'l', mode: '0777', link: 'd/f\\x0a', mtimeNs: '2000000000' });
  expect([listed.get('/p')?.type, listed.get('/b')?.device]).toEqual(['p', '260:300']);
});

test('names are escaped one to one', () => {
  expect(['é', 'a\\b', 'a\nb'].map((name) => escapeBytes(Buffer.from(name)))).toEqual(['é', 'a\\\\b', 'a\\x0ab']);
  expect(escapeBytes(Buffer.from('c3a9ff', 'hex'))).toBe('\\xc3\\xa9\\xff');
});

test('every difference is named once, and an unknown time equals all', () => {
  const entry = { path: '/a', type: 'f', mode: '0644', uid: 0, gid: 0, mtimeNs: '1' } as const;
  expect(diffTrees([entry], [{ ...entry, mtimeNs: null }])).toEqual([]);
  expect(
    diffTrees(
      [{ ...entry, xattrs: { 'user.a': '00' } }],
      [
        { ...entry, mode: '0600' },
        { ...entry, path: '/b' },
      ],
    ),
  ).toEqual([
    { path: '/a', field: 'mode', a: '0644', b: '0600' },
    { path: '/a', field: 'xattr user.a', a: '00', b: null },
    { path: '/b', field: 'path', a: null, b: 'f' },
  ]);
});

test("the model agrees with GNU tar on a real layer's tree", () => {
  const layer = readImage(imageLayout('medium')).layers[0] ?? '';
  execFileSync('tar', [
    '--extract',
    '--gzip',
    '--numeric-owner',
    '--same-permissions',
    '--xattrs',
    '--xattrs-include=*',
    '--file',
    layer,
    '--directory',
    root,
  ]);
  expect(diffTrees(treeOfLayers([layer]), listTree(root))).toEqual([]);
});
