import { readdirSync } from 'node:fs';
import { isSlipwayError } from '@slipway/plugin-api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { layers, orderlyLayers } from './generated-layers.js';
import { Stack, type Way } from './stack.js';
import { tar } from './tar-builder.js';
import { hardLinks, list } from './tree-listing.js';

const runs = Number(process.env['SLIPWAY_PROPERTY_RUNS'] ?? 300);

async function outcome<T>(work: Promise<T>): Promise<{ error: string } | { value: T }> {
  return work.then(
    (value) => ({ value }),
    (error: unknown) => {
      if (!isSlipwayError(error) || error.kind === 'internal') throw error;
      return { error: `${error.code} ${error.message}` };
    },
  );
}

test.each([
  ['any stack of layers', layers],
  ['a high stack of layers', orderlyLayers],
])('%s that are staged and rebased gives the tree of the same layers applied in order', async (_, stacks) => {
  const ways: Record<Way, number> = { staged: 0, 'refused by stage': 0, 'refused by rebase': 0 };
  await fc.assert(
    fc.asyncProperty(stacks, fc.integer({ min: 1, max: 3000 }), async (stacked, chunk) => {
      using stack = new Stack();
      for (const parts of stacked) {
        const layer = tar(...parts);
        const inOrder = await outcome(stack.applyOverlay(layer));
        const staged = await outcome(stack.applyStaged(layer, { chunk }));
        for (const images of stack.images) {
          expect(await outcome(stack.applyImage(images, layer, { chunk }))).toEqual(inOrder);
          expect(await outcome(stack.applyStagedImage(images, layer))).toEqual(staged);
        }
        if ('error' in inOrder || 'error' in staged) {
          // A layer that cannot be applied is left out, and the next one comes on what is there.
          expect(staged).toEqual(inOrder);
          continue;
        }
        ways[staged.value]++;
        const look = (root: string) => ({ tree: list(root), links: hardLinks(root) });
        const seen = stack.onOverlay(look);
        expect(stack.onOverlay(look, stack.staged)).toEqual(seen);
        for (const images of stack.images) {
          expect(stack.onImages(look, images.inOrder)).toEqual(seen);
          expect(stack.onImages(look, images.staged)).toEqual(seen);
        }
      }
      expect(
        readdirSync(stack.folder).filter((entry) => !/^(merged|empty|(layer|staged)\d|.*\.erofs|.*\.tar)$/.test(entry)),
      ).toEqual([]);
    }),
    { numRuns: runs },
  );
  // Few names in few folders meet each other far more often than those of images do.
  expect(ways['refused by stage'] + ways['refused by rebase']).toBeLessThan(ways.staged);
  if (process.env['SLIPWAY_PROPERTY_RUNS']) process.stdout.write(`${JSON.stringify(ways)}\n`);
});
