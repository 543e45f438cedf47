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
}

export interface RuntimeLawContext extends LawContext<Runtime> {
  readonly runtime: Runtime;
  readonly bench: RuntimeBench;
  readonly features: RuntimeFeatures;
}

export type RuntimeLaw = (name: string, body: (context: RuntimeLawContext) => Promise<void>) => void;

/** Laws on a fresh runtime each. After each everything is deleted, and nothing may be left. */
export function runtimeLawsOn(
  runner: LawRunner,
  open: OpenRuntime,
  { module, busybox = '/bin/busybox' }: RuntimeLawOptions,
): RuntimeLaw {
  const child = module === undefined ? undefined : { module, operator: new URL('./operator.js', import.meta.url).href };
  const law = lawsOn(runner, open, child);
  return (name, body) =>
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
}

/** What takes longer on a busy machine is a defect, also where two emulated machines have to boot for it. */
const patienceMs = 90_000;

/** Waits until something is true; fails with what is found when it has not become so after a time that only a defect needs. */
export async function until(isTrue: () => boolean | Promise<boolean>, found: () => unknown): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (let pauseMs = 10; Date.now() < deadline; pauseMs = Math.min(pauseMs * 1.1, 100)) {
    if (await isTrue()) return;
    await setTimeout(pauseMs);
  }
  assert.fail(`it does not become so; found ${String(await found())}`);
}

export function isNothing(bench: RuntimeBench): boolean {
  const left = leftoversOf(bench);
  return (Object.keys(nothing) as (keyof typeof nothing)[]).every((kind) => left[kind].length === 0);
}

async function deleteAll(bench: RuntimeBench): Promise<void> {
  for (const id of bench.ids) await bench.runtime.delete(id);
}
