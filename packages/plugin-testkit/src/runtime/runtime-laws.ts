import assert from 'node:assert/strict';
import { type RuntimeFeatures, runtimePoint } from '@slipway/plugin-api';
import type { LawRunner } from '../law-runner.js';
import { declaredIn, manifestLaws } from '../manifest-laws.js';
import { temporaryRoot } from '../subject.js';
import { afterEndLaws } from './after-end-laws.js';
import { attachLaws } from './attach-laws.js';
import { crashLaws, creatorLaws } from './crash-laws.js';
import { creationLaws } from './creation-laws.js';
import { execLaws } from './exec-laws.js';
import { exitLaws } from './exit-laws.js';
import { machineLaws } from './machine-laws.js';
import { pauseLaws } from './pause-laws.js';
import { stopLaws } from './stop-laws.js';
import { streamLaws } from './stream-laws.js';
import { type OpenRuntime, type RuntimeLawOptions, runtimeLawsOn } from './subject.js';
import { supervisionLaws } from './supervision-laws.js';
import { usageLaws } from './usage-laws.js';

/**
 * The laws of runtime.v1, for any implementation. They need root, real cgroups and a static busybox, and run real containers. What the features say
 * is lacking must be `unimplemented`. Fulfils when the laws are registered.
 *
 * ```ts
 * await runtimeLaws({ describe, it }, openSubject, {
 *   module: new URL('./subject.ts', import.meta.url).href,
 *   manifest: new URL('../package.json', import.meta.url),
 *   steps: ['runtime.create.created', 'runtime.start.started'],
 * });
 * ```
 */
export async function runtimeLaws(runner: LawRunner, open: OpenRuntime, options: RuntimeLawOptions = {}): Promise<void> {
  const features = await featuresOf(open);
  const law = runtimeLawsOn(runner, open, options);

  runner.describe('laws of runtime.v1', () => {
    manifestLaws(runner, open, contract, options);
    isolationLaw(runner, features, options);
    runner.describe('machines', () => machineLaws(law, features));
    runner.describe('creation', () => creationLaws(law));
    runner.describe('states and exits', () => exitLaws(law));
    runner.describe('streams', () => streamLaws(law));
    runner.describe('stop and kill', () => stopLaws(law));
    runner.describe('exec', () => execLaws(law, features));
    runner.describe('attach', () => attachLaws(law));
    runner.describe('pause', () => pauseLaws(law, features));
    runner.describe('usage and limits', () => usageLaws(law, features));
    runner.describe('supervision', () => supervisionLaws(law));
    runner.describe('after the end', () => afterEndLaws(law));
    runner.describe('kill -9', () => {
      crashLaws(law);
      if (options.module !== undefined) creatorLaws(law, options);
    });
  });
}

/** It decides whether the host reads what a container has written. */
function isolationLaw(runner: LawRunner, features: RuntimeFeatures, { manifest }: RuntimeLawOptions): void {
  if (manifest === undefined) return;
  runner.it(
    'the manifest declares the isolation of containers that write to their disks themselves, and of no others',
    async () => {
      const { isolation } = await declaredIn(manifest);
      if (isolation !== undefined) assert.equal(isolation, features.isolation);
      if (features.machine !== undefined) assert.equal(isolation, 'vm');
    },
  );
}

async function featuresOf(open: OpenRuntime) {
  await using place = await temporaryRoot();
  await using subject = await open(place.root);
  return await subject.instance.features();
}

const contract = {
  point: runtimePoint,
  methods: [
    'features',
    'create',
    'state',
    'start',
    'kill',
    'stop',
    'wait',
    'exec',
    'attach',
    'resize',
    'pause',
    'resume',
    'processes',
    'stats',
    'update',
    'delete',
  ],
} as const;
