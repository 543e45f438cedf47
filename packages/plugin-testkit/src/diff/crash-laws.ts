import assert from 'node:assert/strict';
import type { LayerFormat } from '@slipway/plugin-api';
import type { SuiteOptions } from '../subject.js';
import { assertTree } from './case-laws.js';
import { baseLayer, baseTree } from './cases/layer-case.js';
import type { DifferOperation } from './operator.js';
import type { DifferLaw } from './subject.js';
import { tar } from './tar-bytes.js';

/** A process is killed right after each named step. Only its targets may have changed, and the next one applies as if nothing had been. */
export function crashLaws(law: DifferLaw, formats: readonly LayerFormat[], { module, steps = [] }: SuiteOptions): void {
  if (module === undefined) return;
  for (const step of steps) {
    law(`after ${step} leaves nothing outside the target, and a retry works`, async ({ bench, differ, start, reopen }) => {
      const lower = await bench.stack(formats[0] ?? 'directory', [baseLayer]);
      const upper = await bench.stack(formats[0] ?? 'directory', [baseLayer, tar({ name: 'dir/new' }, { name: '.wh.file' })]);
      const layer = bench.file('layer', tar({ name: 'dir/new' }, { name: 'slipway-laws/.wh.passwd' }, { name: '.wh.keep' }));
      const below = lower.trees.filter(({ format }) => format === bench.overlaid);
      const targets = formats.map((format) => bench.target(format, below));
      const operations: DifferOperation[] = targets.map((target) => ({ do: 'apply', layer, target }));
      if (differ.stage !== undefined) {
        const target = bench.target(bench.overlaid);
        targets.push(target);
        operations.push({ do: 'stage', layer, target, lower: below });
      }
      if (differ.compare !== undefined) operations.push({ do: 'compare', lower: lower.trees, upper: upper.trees });
      const before = bench.around(...targets);

      const child = start(operations, { step, signal: 'SIGKILL' });
      const { signal, outcomes } = await child.result;
      assert.equal(signal, 'SIGKILL', `the step "${step}" was not reached; the process said ${outcomes.join(', ')}`);

      assert.deepEqual(bench.around(...targets), before);
      const again = (await reopen()).instance;
      const retried = bench.of(again);
      for (const format of formats) assertTree(await retried.tree(format, [baseLayer]), baseTree, format);
    });
  }
}
