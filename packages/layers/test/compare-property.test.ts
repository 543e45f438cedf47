import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tar } from './tar-builder.js';
import { makeChanges, type TreeChange, treeChange } from './tree-changes.js';
import { compared, renamed, TreePair, wholeTree } from './tree-pair.js';

const changes = (most: number) => fc.array(treeChange, { maxLength: most });
const runs = Number(process.env['SLIPWAY_PROPERTY_RUNS'] ?? 100);
const timeout = 120_000 + 5_000 * runs;

test(
  'applied to the lower tree, a layer gives the upper one, and the same trees give the same layer',
  async () => {
    await fc.assert(
      fc.asyncProperty(changes(20), changes(12), changes(12), async (first, second, third) => {
        using pair = new TreePair();
        // The time of a root without content is the moment of its making, and no layer's matter.
        const base: TreeChange = { what: 'mkdir', path: Buffer.from('base'), other: Buffer.alloc(0), number: 0 };
        for (const below of [[base, ...first], second]) {
          using maker = new TreePair();
          for (const tree of [...pair.lower].reverse()) maker.lower.unshift(tree);
          maker.change((root) => makeChanges(root, below));
          await pair.addLayer(compared(maker.lower, maker.upperTrees));
          expect(pair.onLower(wholeTree)).toEqual(maker.onUpper(wholeTree));
        }
        pair.change((root) => makeChanges(root, third));
        const layer = compared(pair.lower, pair.upperTrees);
        const copies = pair.copies();
        expect(compared(pair.lower, pair.upperTrees)).toEqual(layer);
        expect(compared(renamed(pair.lower), pair.upperTrees).equals(layer)).toBe(true);
        expect(compared([copies.lower], [copies.upper]).equals(layer)).toBe(true);
        expect(compared([copies.lower], pair.upperTrees).equals(layer)).toBe(true);
        expect(compared(pair.images, pair.upperOnImages).equals(layer)).toBe(true);
        expect(compared(renamed(pair.images), pair.upperOnImages).equals(layer)).toBe(true);
        for (const same of [pair.lower, pair.upperTrees, [copies.upper]]) {
          expect(compared(same, same)).toEqual(tar());
          expect(compared(renamed(same), same)).toEqual(tar());
        }
        const whole = pair.onUpper(wholeTree);
        const { overlay, directory } = await pair.applied(layer, copies.lower);
        expect(overlay).toEqual(whole);
        expect(directory).toEqual(whole);
      }),
      { numRuns: runs },
    );
  },
  timeout,
);
