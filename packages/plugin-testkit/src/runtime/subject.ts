import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import type { Runtime, RuntimeFeatures } from '@slipway/plugin-api';
import { type LawContext, lawsOn } from '../law.js';
import type { LawRunner } from '../law-runner.js';
import type { OpenSubject, SuiteOptions } from '../subject.js';
import { RuntimeBench } from './bench.js';
import { clear, leftoversOf, nothing } from './leftovers.js';

/** A runtime whose state is below `root`. */
export type OpenRuntime = OpenSubject<Runtime>;

export interface RuntimeLawOptions extends SuiteOptions {
  /** A static busybox, which is all that the laws' containers hold. Default: `/bin/busybox`. */
  readonly busybox?: string | undefined;
  /** The monitor is one that suites of other runtimes test: laws of what it does alone, whatever it runs, are left out. For where each container takes seconds. */
  readonly isMonitorTested?: boolean | undefined;
}

export interface RuntimeLawContext extends LawContext<Runtime> {
  readonly runtime: Runtime;
  readonly bench: RuntimeBench;
  readonly features: RuntimeFeatures;
}

type AddLaw = (name: string, body: (context: RuntimeLawContext) => Promise<void>) => void;

export interface RuntimeLaw {
  (...law: Parameters<AddLaw>): void;
  /** One of what the monitor does alone. */
  readonly ofMonitor: AddLaw;
}

/** Laws on a fresh runtime each. After each everything is deleted, and nothing may be left. */
export function runtimeLawsOn(
  runner: LawRunner,
  open: OpenRuntime,
  { module, busybox = '/bin/busybox', isMonitorTested = false }: RuntimeLawOptions,
): RuntimeLaw {
  const child = module === undefined ? undefined : { module, operator: new URL('./operator.js', import.meta.url).href };
  const law = lawsOn(runner, open, child);
  const add: AddLaw = (name, body) =>
    law(name, async (context) => {
      const runtime = context.instance;
      const features = await runtime.features();
      const bench = new RuntimeBench(context.root, runtime, busybox, features);
      try {
        await body({ ...context, runtime, bench, features });
        await deleteAll(bench);
        // A process that has let go of everything is seen for a moment longer.
        for (let tries = 0; tries < 100 && !isNothing(bench); tries++) await setTimeout(10);
        assert.deepEqual(leftoversOf(bench), nothing);
      } finally {
        await deleteAll(bench).catch(() => undefined);
        await clear(bench);
      }
    });
  return Object.assign(add, { ofMonitor: isMonitorTested ? () => undefined : add });
}

export function isNothing(bench: RuntimeBench): boolean {
  const left = leftoversOf(bench);
  return (Object.keys(nothing) as (keyof typeof nothing)[]).every((kind) => left[kind].length === 0);
}

async function deleteAll(bench: RuntimeBench): Promise<void> {
  for (const id of bench.ids) await bench.runtime.delete(id);
}
