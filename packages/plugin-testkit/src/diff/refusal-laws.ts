import assert from 'node:assert/strict';
import { isSlipwayError } from '@slipway/plugin-api';
import { baseLayer } from './cases/layer-case.js';
import { refusalCases } from './cases/refusal-cases.js';
import type { Manner } from './layer-bench.js';
import type { DifferLaw } from './subject.js';

/** What is wrong with a layer is said by an error of one kind in every format, and nothing around the target is touched. */
export function refusalLaws(law: DifferLaw, manners: readonly Manner[], prefix: string): void {
  for (const { name, layer, kind, names = [] } of refusalCases) {
    law(`${prefix}: ${name}`, async ({ bench }) => {
      for (const manner of manners) {
        await assert.rejects(bench.stack(manner, [baseLayer, layer]), (error) => {
          if (!isSlipwayError(error)) throw error;
          assert.equal(error.kind, kind, `${manner}: ${error.message}`);
          for (const part of names)
            assert.ok(error.message.includes(part), `${manner}: "${error.message}" does not name ${part}`);
          return true;
        });
      }
    });
  }
}
