import { readdirSync } from 'node:fs';
import { isSlipwayError } from '@slipway/plugin-api';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { layers, plainPath } from './generated-layers.js';
import { Stack } from './stack.js';
import { tar } from './tar-builder.js';
import { list, names } from './tree-listing.js';

async function outcome(work: Promise<void>): Promise<string> {
  return work.then(
    () => 'applied',
    (error: unknown) => {
      if (!isSlipwayError(error) || error.kind === 'internal') throw error;
      return `${error.code} ${error.message}`;
    },
  );
}

test('any stack of layers gives the same tree on every format', async () => {
  await fc.assert(
    fc.asyncProperty(layers, fc.integer({ min: 1, max: 3000 }), async (stacked, chunk) => {
      using stack = new Stack();
      for (const parts of stacked) {
        const layer = tar(...parts);
        const onDirectory = await outcome(stack.applyDirectory(layer));
        expect(await outcome(stack.applyOverlay(layer, { chunk }))).toBe(onDirectory);
        for (const images of stack.images) expect(await outcome(stack.applyImage(images, layer, { chunk }))).toBe(onDirectory);
        if (onDirectory !== 'applied') return;
        const listing = stack.listDirectory();
        expect(stack.listOverlay()).toEqual(listing);
        for (const { inOrder } of stack.images) expect(stack.onImages(list, inOrder)).toEqual(listing);
        expect(readdirSync(stack.folder).filter((entry) => !/^(merged|empty|layer\d|.*\.erofs|.*\.tar)$/.test(entry))).toEqual(
          [],
        );
        expect(names(listing).filter((path) => path.includes('.wh.'))).toEqual([]);
      }
    }),
    { numRuns: Number(process.env['SLIPWAY_PROPERTY_RUNS'] ?? 300) },
  );
});

test('whiteouts may stand anywhere among entries that replace nothing of their own layer', async () => {
  const files = fc.uniqueArray(
    plainPath.map((path) => ({ name: `${path}/f`, body: path })),
    { selector: (file) => file.name, maxLength: 6 },
  );
  const marks = fc.array(
    fc.oneof(
      plainPath.map((path) => ({ name: path.replace(/([^/]+)$/, '.wh.$1') })),
      plainPath.map((path) => ({ name: `${path}/.wh..wh..opq` })),
    ),
    { maxLength: 4 },
  );
  const below = fc.array(
    plainPath.map((path) => ({ name: `${path}/low`, mode: 0o600 })),
    { maxLength: 8 },
  );
  await fc.assert(
    fc.asyncProperty(below, files, marks, fc.infiniteStream(fc.nat()), async (lower, own, hidden, random) => {
      const shuffled = [...own, ...hidden]
        .map((entry) => ({ entry, at: random.next().value as number }))
        .sort((one, two) => one.at - two.at)
        .map(({ entry }) => entry);
      const trees = [];
      for (const layer of [[...hidden, ...own], shuffled]) {
        using stack = new Stack();
        await stack.apply(tar(...lower));
        await stack.apply(tar(...layer));
        const listing = stack.listDirectory();
        expect(stack.listOverlay()).toEqual(listing);
        trees.push(listing);
      }
      expect(trees[1]).toEqual(trees[0]);
    }),
    { numRuns: Number(process.env['SLIPWAY_PROPERTY_RUNS'] ?? 150) },
  );
});
