import assert from 'node:assert/strict';
import { expectKind } from '../expect-kind.js';
import { assertTree, layerCases } from './case-laws.js';
import { baseLayer, baseTree, expectedTree, layersOf } from './cases/layer-case.js';
import { refusalCases } from './cases/refusal-cases.js';
import { refused } from './refusal-laws.js';
import type { SharedDifferLaw } from './shared-differ.js';
import { putBlob, sha256 } from './subject.js';
import { tar } from './tar-bytes.js';

/** Capability `stage`: what is staged beside others and rebased is what applying in order makes. */
export function stageLaws(law: SharedDifferLaw): void {
  for (const layerCase of layerCases) {
    law(`staged: ${layerCase.name}`, async ({ bench }) => {
      const { trees, inOrder } = await bench.stack('staged', layersOf(layerCase));
      assertTree(bench.list(trees), expectedTree(layerCase), 'staged');
      if (layerCase.needsLower !== true) assert.equal(inOrder, 0, 'a layer said LAYER_NEEDS_LOWER that needs nothing of them');
    });
  }

  law('staging: what apply refuses is refused alike', async ({ bench, instance }) => {
    for (const refusal of refusalCases) await refused(bench.of(instance), 'staged', refusal);
  });

  law('staging: the descriptor is that of apply', async ({ bench, content, differ }) => {
    const layer = Buffer.concat([baseLayer, Buffer.from('behind it')]);
    const blob = await putBlob(content, layer);
    const staged = await differ.stage?.(blob, bench.target(bench.overlaid));
    assert.deepEqual(staged?.descriptor, await differ.apply(blob, bench.target(bench.overlaid)));
    assert.equal(staged?.descriptor.digest, sha256(layer));
  });

  law('staging: 20 layers side by side give what they give in order', async ({ bench }) => {
    const layers = Array.from({ length: 20 }, (_, index) =>
      tar(
        { name: `d/own${index}` },
        { name: `d/.wh.own${index - 1}` },
        { name: 'd/', type: '5', mode: 0o700 + index },
        { name: 'all', body: `${index}` },
      ),
    );
    assert.deepEqual(await bench.tree('staged', layers), await bench.tree(bench.overlaid, layers));
  });

  law('staging: a missing blob is not-found, an aborted signal canceled', async ({ bench, content, differ }) => {
    const blob = await putBlob(content, baseLayer);
    const stage = differ.stage?.bind(differ);
    assert.ok(stage !== undefined);
    await expectKind(stage({ ...blob, digest: sha256(Buffer.from('missing')) }, bench.target(bench.overlaid)), 'not-found');
    await expectKind(stage(blob, bench.target(bench.overlaid), { signal: AbortSignal.abort() }), 'canceled');
    const target = bench.target(bench.overlaid);
    const staged = await stage(blob, target);
    await staged.rebase([]);
    assertTree(bench.list([target]), baseTree, 'staged');
  });
}
