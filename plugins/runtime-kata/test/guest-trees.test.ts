import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { diffTrees, escapeBytes, type TreeEntry, type TreeEntryType, treeOfLayers } from '@slipway/fs-tree';
import { assertTree, expectedTree, layerCases, layersOf, type TreeListing } from '@slipway/plugin-testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GuestTrees, type Seen } from './guest-trees.ts';
import { ShimBench } from './shim-bench.ts';

// One boot for all: every case of layers, and a layer of 13,000 files of a real system, as the guest's own kernel sees them.
const wanted = 13_500;
let bench: ShimBench;
let seen: readonly (readonly Seen[])[];
let system: Buffer;

beforeAll(async () => {
  bench = new ShimBench();
  const trees = new GuestTrees(bench);
  for (const layerCase of layerCases) await trees.add(layersOf(layerCase));
  system = systemLayer();
  await trees.add([system]);
  seen = await trees.list();
});

afterAll(async () => {
  await bench?.[Symbol.asyncDispose]();
});

describe('in the guest, layers give the tree that they say:', () => {
  test.each(layerCases.map((layerCase, index) => [layerCase.name, layerCase, index] as const))('%s', (_, layerCase, index) => {
    assertTree(listingOf(seen[index] ?? []), expectedTree(layerCase), 'in the guest');
  });
});

test('in the guest, a layer of 13,000 files of a real system is the tree that tar says', () => {
  const found = entriesOf(seen.at(-1) ?? []);
  expect(found.length).toBeGreaterThan(13_000);
  expect(diffTrees(found, treeOfLayers([system]))).toEqual([]);
});

/** What tar makes of this host's own folders, links and files; large ones are left out, because an emulated processor has to hash them. */
function systemLayer(): Buffer {
  const roots = ['/usr', path.resolve(import.meta.dirname, '../../../node_modules')];
  const found = execFileSync(
    'find',
    [...roots, '-xdev', '(', '-type', 'd', '-o', '-type', 'l', '-o', '-size', '-8', ')', '-print0'],
    {
      maxBuffer: 1 << 28,
    },
  );
  const names = found.toString('latin1').split('\0').slice(0, wanted).join('\0');
  const options = ['--format=posix', '--xattrs', '--no-recursion', '--null', '--verbatim-files-from', '-T', '-', '-cf', '-'];
  return execFileSync('tar', options, {
    input: Buffer.from(names, 'latin1'),
    maxBuffer: 1 << 30,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
}

const types = new Map<number, readonly [string, TreeEntryType]>([
  [0o100000, ['file', 'f']],
  [0o040000, ['directory', 'd']],
  [0o120000, ['symlink', 'l']],
  [0o010000, ['fifo', 'p']],
  [0o020000, ['character', 'c']],
  [0o060000, ['block', 'b']],
  [0o140000, ['socket', 's']],
]);

function typeOf({ mode }: Seen): readonly [string, TreeEntryType] {
  return types.get(mode & 0o170000) ?? ['unknown', 's'];
}

const byPath = (a: Seen, b: Seen) => Buffer.compare(a.path, b.path);
/** As overlayfs keeps them to itself. */
const own = ([name]: readonly [string, Buffer]) => !name.startsWith('trusted.overlay.');

/** As the laws of differs list a tree. */
function listingOf(all: readonly Seen[]): TreeListing {
  const first = new Map<string, string>();
  const listing: Record<string, TreeListing[string]> = {};
  for (const one of [...all].sort(inOrder)) {
    const name = one.path.length === 0 ? '.' : one.path.subarray(1).toString('latin1');
    const [type] = typeOf(one);
    const sameAs = first.get(one.inode);
    if (type !== 'directory' && one.links > 1n && sameAs === undefined) first.set(one.inode, name);
    const isDevice = type === 'character' || type === 'block';
    const text = one.size <= 200 ? one.content.toString('latin1') : `${one.size} ${one.sha256}`;
    const xattrs = one.xattrs.filter(own).map(([key, value]) => [key, value.toString('latin1')]);
    listing[name] = {
      type,
      mode: (one.mode & 0o7777).toString(8),
      owner: `${one.uid}:${one.gid}`,
      mtime: one.mtimeNs,
      ...(type === 'file' ? { content: text } : {}),
      ...(type === 'symlink' ? { content: one.content.toString('latin1') } : {}),
      ...(isDevice ? { device: one.rdev } : {}),
      ...(xattrs.length > 0 ? { xattrs: Object.fromEntries(xattrs) as Record<string, string> } : {}),
      ...(sameAs === undefined ? {} : { sameAs }),
    };
  }
  return listing;
}

/** A folder's names by their bytes, what is in one before what follows it. */
function inOrder(a: Seen, b: Seen): number {
  const [left, right] = [a, b].map(({ path }) => path.toString('latin1').replaceAll('/', '\0'));
  return (left ?? '') < (right ?? '') ? -1 : 1;
}

/** As trees of images are compared. */
function entriesOf(all: readonly Seen[]): TreeEntry[] {
  const sorted = [...all].sort(byPath);
  const names = new Map<string, string[]>();
  for (const one of sorted) names.set(one.inode, [...(names.get(one.inode) ?? []), pathOf(one)]);
  return sorted.map((one) => {
    const [, type] = typeOf(one);
    const group = names.get(one.inode) ?? [];
    const xattrs = one.xattrs.filter(own).map(([key, value]) => [key, value.toString('hex')]);
    return {
      path: pathOf(one),
      type,
      mode: (one.mode & 0o7777).toString(8).padStart(4, '0'),
      uid: one.uid,
      gid: one.gid,
      mtimeNs: String(one.mtimeNs),
      ...(type === 'f' ? { size: one.size, sha256: one.sha256 } : {}),
      ...(type === 'l' ? { link: escapeBytes(one.content) } : {}),
      ...(type === 'c' || type === 'b' ? { device: `${one.rdev >> 8n}:${one.rdev & 0xffn}` } : {}),
      ...(xattrs.length > 0 ? { xattrs: Object.fromEntries(xattrs) as Record<string, string> } : {}),
      ...(type !== 'd' && group.length > 1 ? { hardLinkOf: group[0] } : {}),
    };
  });
}

function pathOf({ path }: Seen): string {
  return path.length === 0 ? '/' : escapeBytes(path);
}
