import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { linux, upperForm } from '@slipway/linux';
import type { LayerTree } from '@slipway/plugin-api';
import { inTrees, listTree, tar } from '@slipway/plugin-testkit';
import { expect, test } from 'vitest';
import { Bench } from './bench.js';

const base = tar(
  { name: 'etc/', type: '5' },
  { name: 'etc/passwd', body: 'root' },
  { name: 'large', body: 'x'.repeat(3_000_000) },
);

test('with tar-index the content stays in the archive, which is kept beside the image', async () => {
  await using bench = new Bench();
  const differ = await bench.differ({ format: 'tar-index' });
  const flat = await bench.differ();
  const trees: Record<string, readonly LayerTree[]> = { index: [], flat: [] };
  for (const layer of [base, tar({ name: 'etc/shadow', body: 'more' }, { name: 'linked', type: '1', link: 'large' })]) {
    const blob = await bench.put(gzipSync(layer));
    for (const [name, using] of Object.entries({ index: differ, flat })) {
      const target = bench.target(trees[name]);
      await using.apply(blob, target);
      trees[name] = [target, ...(trees[name] ?? [])];
    }
  }
  const [top, bottom] = trees['index'] ?? [];
  expect(readdirSync(path.dirname(top?.path ?? '')).sort()).toEqual(['layer.erofs', 'layer.tar']);
  expect(readFileSync((bottom?.path ?? '').replace('.erofs', '.tar')).equals(base)).toBe(true);
  expect(readFileSync(bottom?.path ?? '').length).toBeLessThan(100_000);
  expect(inTrees(trees['index'] ?? [], listTree)).toEqual(inTrees(trees['flat'] ?? [], listTree));
  const [one, other] = await Promise.all(
    [differ, flat].map((each, index) => each.compare?.([], Object.values(trees)[index] ?? [])),
  );
  expect(one?.diffId).toBe(other?.diffId);
});

test('a layer of the tree of a real system is what tar makes of it, in order and staged, and the same bytes each time', async () => {
  await using bench = new Bench();
  const differ = await bench.differ();
  const folders = ['usr/share/perl', 'usr/lib/python3', 'usr/share/zoneinfo'];
  const found = folders.filter((folder) => existsSync(`/${folder}`));
  const archive = path.join(bench.folder, 'system.tar');
  execFileSync('tar', ['--xattrs', '--sort=name', '-cf', archive, '-C', '/', ...found], {
    stdio: 'ignore',
  });
  const plain = path.join(bench.folder, 'plain');
  mkdirSync(plain);
  execFileSync('tar', ['-xpf', archive, '--xattrs', '-C', plain]);
  const blob = await bench.put(readFileSync(archive));
  const [one, two, staged] = [bench.target(), bench.target(), bench.target()];
  await differ.apply(blob, one);
  await differ.apply(blob, two);
  await (await differ.stage?.(blob, staged))?.rebase([]);
  const { '.': _mine, ...seen } = inTrees([one], listTree);
  const { '.': _its, ...expected } = listTree(plain);
  expect(Object.keys(seen).length).toBeGreaterThan(1000);
  // Of a directory that no entry lists tar says the moment.
  const unlisted = ['usr', 'usr/share', 'usr/lib'];
  for (const name of Object.keys(expected).filter((each) => !unlisted.includes(each))) expect(seen[name]).toEqual(expected[name]);
  expect(Object.keys(seen)).toEqual(Object.keys(expected));
  const bytes = readFileSync(one.path);
  for (const { path: file } of [two, staged]) expect(readFileSync(file).equals(bytes)).toBe(true);
  execFileSync('fsck.erofs', [one.path]);
});

test('what a container has changed in a file system of its own becomes a layer', async () => {
  await using bench = new Bench();
  const differ = await bench.differ();
  const target = bench.target();
  await differ.apply(await bench.put(base), target);
  const image = path.join(bench.folder, 'upper.ext4');
  const content = path.join(bench.folder, 'content');
  mkdirSync(path.join(content, 'upper/etc'), { recursive: true });
  mkdirSync(path.join(content, 'work'));
  writeFileSync(path.join(content, 'upper/etc/new'), 'new');
  linux.mknod(path.join(content, 'upper/large'), 0o020000, 0, 0);
  execFileSync('truncate', ['-s', '16M', image]);
  const env = { ...process.env, MKE2FS_CONFIG: '/dev/null' };
  execFileSync('mkfs.ext4', ['-q', ...upperForm.mkfsOptions, '-d', content, image], { env, stdio: 'pipe' });
  const upper: LayerTree[] = [{ format: 'ext4', path: image }, target];
  const layer = await differ.compare?.([target], upper);
  if (!layer) throw new Error('it cannot compare');
  const top = bench.target([target]);
  await differ.apply(layer.descriptor, top);
  expect(Object.keys(inTrees([top, target], listTree))).toEqual(['.', 'etc', 'etc/new', 'etc/passwd']);
});

test('a comparison of images that is aborted leaves no mount and no descriptor', async () => {
  await using bench = new Bench();
  const differ = await bench.differ();
  const files = Array.from({ length: 20 }, (_, index) => ({ name: `f${index}`, body: randomBytes(1 << 20).toString('latin1') }));
  const target = bench.target();
  await differ.apply(await bench.put(tar(...files)), target);
  await differ.compare?.([], [target]);
  const before = openFiles();
  for (const parts of [0, 2]) {
    const abort = new AbortController();
    let seen = 0;
    const onProgress = (): void => {
      if (seen++ === parts) abort.abort();
    };
    const comparing = differ.compare?.([], [target], { compression: 'none', signal: abort.signal, onProgress });
    await expect(comparing).rejects.toMatchObject({ kind: 'canceled' });
  }
  expect(openFiles()).toEqual(before);
});

test('extended attributes that no EROFS image holds are left out with one warning, and the others kept', async () => {
  await using bench = new Bench();
  const differ = await bench.differ();
  const target = bench.target();
  const pax = { 'SCHILY.xattr.vendor.x': 'lost', 'SCHILY.xattr.user.x': 'kept' };
  await differ.apply(await bench.put(tar({ name: 'a', pax }, { name: 'b', pax })), target);
  expect(inTrees([target], listTree)['b']?.xattrs).toEqual({ 'user.x': 'kept' });
  expect(bench.warnings).toEqual([expect.stringContaining('vendor.x')]);
});

function openFiles(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((file) => file.startsWith('/'))
    .sort();
}
