import assert from 'node:assert/strict';
import type { LayerFormat } from '@slipway/plugin-api';
import type { TreeListing } from '../trees/tree-listing.js';
import { attributeCases } from './cases/attribute-cases.js';
import { clashCases } from './cases/clash-cases.js';
import { formatCases } from './cases/format-cases.js';
import { type Expected, expectedTree, type LayerCase, layersOf } from './cases/layer-case.js';
import { linkCases } from './cases/link-cases.js';
import { nameCases } from './cases/name-cases.js';
import { whiteoutCases } from './cases/whiteout-cases.js';
import type { SharedDifferLaw } from './shared-differ.js';

export const layerCaseGroups: Readonly<Record<string, readonly LayerCase[]>> = {
  names: [{ name: 'the layer below all others', layers: [] }, ...nameCases],
  'hard links': linkCases,
  whiteouts: whiteoutCases,
  clashes: clashCases,
  attributes: attributeCases,
  formats: formatCases,
};

export const layerCases: readonly LayerCase[] = Object.values(layerCaseGroups).flat();

/** Each case gives the tree that it says, exactly, and the same in every format. */
export function caseLaws(law: SharedDifferLaw, formats: readonly LayerFormat[]): void {
  for (const layerCase of layerCases) {
    law(`layers: ${layerCase.name}`, async ({ bench }) => {
      let other: TreeListing | undefined;
      for (const format of formats) {
        const tree = await bench.tree(format, layersOf(layerCase));
        assertTree(tree, expectedTree(layerCase), format);
        if (other !== undefined) assert.deepEqual(tree, other, 'the formats do not agree');
        other = tree;
      }
    });
  }
}

export function assertTree(tree: TreeListing, expected: Readonly<Record<string, Expected>>, what: string): void {
  const seen = Object.entries(tree).map(([name, { mtime, ...rest }]) => [
    name,
    expected[name] !== undefined && expected[name].mtime === undefined ? rest : { ...rest, mtime },
  ]);
  assert.deepEqual(Object.fromEntries(seen), expected, `found is not what is expected (${what})`);
}
