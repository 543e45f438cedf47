import { execFileSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import { type ChangedPath, changedPaths } from '@slipway/layers';
import { linux } from '@slipway/linux';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OwnTree } from './own-tree.js';
import { makeChanges, type TreeChange, treeChange } from './tree-changes.js';
import { compared, renamed, TreePair, type WholeTree, wholeTree } from './tree-pair.js';

const changesOf = (lower: readonly OwnTree[], upper: readonly OwnTree[]): ChangedPath[] => [
  ...changedPaths(lower, upper, { system: linux }),
];

const parentOf = (path: string): string => (path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.');

/** By two listings: what must be told, and with it the names of inodes that have several, which may be. */
function expected(lower: WholeTree, upper: WholeTree): { must: Map<string, string>; may: Set<string> } {
  const [before, after] = [lower.listing, upper.listing];
  const must = new Map<string, string>();
  const may = new Set([...lower.links, ...upper.links].flat());
  for (const path of Object.keys(after)) {
    if (before[path] === undefined) must.set(path, 'added');
    else if (!isDeepStrictEqual(before[path], after[path])) must.set(path, 'changed');
  }
  for (const path of Object.keys(before)) {
    if (after[path] === undefined && after[parentOf(path)]?.type === 'directory') must.set(path, 'deleted');
  }
  const withParents = (path: string, add: (parent: string) => void): void => {
    for (let at = path; at !== '.'; at = parentOf(at)) add(parentOf(at));
  };
  for (const path of [...must.keys()]) withParents(path, (parent) => must.set(parent, must.get(parent) ?? 'changed'));
  for (const path of [...may]) withParents(path, (parent) => may.add(parent));
  must.delete('.');
  return { must, may };
}

function shell(root: string, script: string): void {
  execFileSync('sh', ['-c', `cd "$1" && { ${script}; }`, 'sh', root], { stdio: 'pipe' });
}

const runs = Number(process.env['SLIPWAY_PROPERTY_RUNS'] ?? 60);

test(
  'changes by path are what a look at both trees finds, in either form',
  async () => {
    const changes = (most: number) => fc.array(treeChange, { maxLength: most });
    const base: TreeChange = { what: 'mkdir', path: Buffer.from('base'), other: Buffer.alloc(0), number: 0 };
    await fc.assert(
      fc.asyncProperty(changes(20), changes(12), async (first, second) => {
        using maker = new TreePair();
        maker.change((root) => makeChanges(root, [base, ...first]));
        using pair = new TreePair();
        await pair.addLayer(compared(maker.lower, maker.upperTrees));
        pair.change((root) => makeChanges(root, second));
        const found = changesOf(pair.lower, pair.upperTrees);
        const { must, may } = expected(pair.onLower(wholeTree), pair.onUpper(wholeTree));
        const told = new Map(found.map(({ path, kind }) => [path, kind]));
        expect(told.size).toBe(found.length);
        for (const [path, kind] of must) expect([path, told.get(path)]).toEqual([path, kind]);
        expect([...told.keys()].filter((path) => !must.has(path) && !may.has(path))).toEqual([]);
        const copies = pair.copies();
        expect(changesOf(renamed(pair.lower), pair.upperTrees)).toEqual(found);
        expect(changesOf([copies.lower], [copies.upper])).toEqual(found);
        expect(changesOf(pair.upperTrees, pair.upperTrees)).toEqual([]);
      }),
      { numRuns: runs },
    );
  },
  120_000 + 5_000 * runs,
);

test('directories on the way are changed, what was in a deleted one is not listed, the root never is', async () => {
  using maker = new TreePair();
  maker.change((root) => shell(root, 'mkdir -p etc old/deep; echo 1 > etc/a; echo 1 > old/deep/b'));
  using pair = new TreePair();
  await pair.addLayer(compared(maker.lower, maker.upperTrees));
  pair.change((root) => shell(root, 'echo 2 >> etc/a; rm -r old; mkdir -p new/sub; chmod 700 .'));
  expect(changesOf(pair.lower, pair.upperTrees).map(({ path, kind }) => `${kind} ${path}`)).toEqual([
    'changed etc',
    'changed etc/a',
    'added new',
    'added new/sub',
    'deleted old',
  ]);
});
