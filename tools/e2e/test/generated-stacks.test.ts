import { diffTrees, type TreeEntry, treeOfLayers } from '@slipway/fs-tree';
import { isSlipwayError } from '@slipway/plugin-api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { archiveOf, type GeneratedEntry, layerStack } from './generated/layer-arbitrary.ts';
import { UnpackedStack } from './generated/unpacked-stack.ts';

const runs = Number(process.env['SLIPWAY_PROPERTY_RUNS'] ?? 200);

type Expectation = { readonly tree: readonly TreeEntry[] } | { readonly layer: number; readonly entry: string };

/** The tree that the specification says, or the entry that makes it none. */
function expectation(stack: readonly (readonly GeneratedEntry[])[]): Expectation {
  try {
    return { tree: treeOfLayers(stack.map(archiveOf)) };
  } catch (error) {
    const [, layer, entry] = /^layer (\d+), entry (".*?(?<!\\)"): /.exec((error as Error).message) ?? [];
    if (layer === undefined || entry === undefined) throw error;
    return { layer: Number(layer), entry: JSON.parse(entry) };
  }
}

async function outcome(work: Promise<TreeEntry[]>): Promise<readonly TreeEntry[] | string> {
  try {
    return await work;
  } catch (error) {
    if (!isSlipwayError(error) || error.kind !== 'invalid-argument') throw error;
    return error.message;
  }
}

/** In what the stack differs from what is expected, for each form that it can lie in. */
async function differences(layers: readonly Buffer[], expected: Expectation): Promise<unknown[]> {
  using stack = new UnpackedStack();
  const found = {
    directory: await outcome(stack.directory(layers)),
    inOrder: await outcome(stack.inOrder(layers)),
    inParallel: await outcome(stack.inParallel(layers)),
  };
  return Object.entries(found).flatMap(([form, tree]): unknown[] => {
    if (typeof tree === 'string') return 'tree' in expected ? [`${form}: ${tree}`] : [];
    if (!('tree' in expected)) return [`${form}: expected an error about ${expected.entry}`];
    return diffTrees(tree, expected.tree).map((difference) => ({ form, ...difference }));
  });
}

test(
  'a stack of any layers is the tree that the specification says, in every form',
  async () => {
    await fc.assert(
      fc.asyncProperty(layerStack, async (generated) => {
        let stack: readonly (readonly GeneratedEntry[])[] = generated;
        for (;;) {
          const expected = expectation(stack);
          expect(await differences(stack.map(archiveOf), expected)).toEqual([]);
          if ('tree' in expected) break;
          stack = without(stack, expected);
        }
      }),
      { numRuns: runs },
    );
  },
  120_000 + 5_000 * runs,
);

/** One entry that cannot be would hide what the others make. */
function without(
  stack: readonly (readonly GeneratedEntry[])[],
  wrong: { readonly layer: number; readonly entry: string },
): (readonly GeneratedEntry[])[] {
  return stack.map((entries, layer) => entries.filter(({ path }) => layer !== wrong.layer || path !== wrong.entry));
}
