import assert from 'node:assert/strict';
import { isSlipwayError, type LayerFormat } from '@slipway/plugin-api';
import { baseLayer } from './cases/layer-case.js';
import { type RefusalCase, refusalCases } from './cases/refusal-cases.js';
import type { LayerBench, Manner } from './layer-bench.js';
import type { SharedDifferLaw } from './shared-differ.js';

/** What is wrong with a layer is said by an error of one kind in every format, and nothing around the target is touched. */
export function refusalLaws(law: SharedDifferLaw, formats: readonly LayerFormat[]): void {
  for (const refusal of refusalCases) {
    law(`refused: ${refusal.name}`, async ({ bench }) => {
      for (const format of formats) await refused(bench, format, refusal);
    });
  }
}

export async function refused(bench: LayerBench, manner: Manner, { name, layer, kind, names = [] }: RefusalCase): Promise<void> {
  const what = `${name}, ${manner}`;
  await assert.rejects(bench.stack(manner, [baseLayer, layer]), (error) => {
    if (!isSlipwayError(error)) throw error;
    assert.equal(error.kind, kind, `${what}: ${error.message}`);
    for (const part of names) assert.ok(error.message.includes(part), `${what}: "${error.message}" does not name ${part}`);
    return true;
  });
}
