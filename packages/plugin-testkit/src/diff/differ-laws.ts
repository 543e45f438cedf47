import type { Differ } from '@slipway/plugin-api';
import { differPoint } from '@slipway/plugin-api';
import { cleanUpLaws } from '../clean-up-laws.js';
import type { LawRunner } from '../law-runner.js';
import { manifestLaws } from '../manifest-laws.js';
import { capabilitiesOf, type OpenSubject } from '../subject.js';
import { caseLaws } from './case-laws.js';
import { cleanUp } from './clean-up.js';
import { compareLaws } from './compare-laws.js';
import { crashLaws } from './crash-laws.js';
import { refusalLaws } from './refusal-laws.js';
import { sharedDifferLaws } from './shared-differ.js';
import { stageLaws } from './stage-laws.js';
import { streamLaws } from './stream-laws.js';
import { type DifferLawOptions, differLawsOn, type OpenDiffer } from './subject.js';
import { workLaws } from './work-laws.js';

/**
 * The laws of differ.v1, for any implementation. They need root and real mounts of overlayfs, and of EROFS where images are written. What the differ
 * says of itself (`capabilities`) decides about the laws of `stage` and `compare`.
 *
 * ```ts
 * await differLaws({ describe, it }, openSubject, {
 *   writes: ['overlay', 'directory'],
 *   module: new URL('./subject.ts', import.meta.url).href,
 *   steps: ['diff.apply.opened', 'diff.apply.applied'],
 * });
 * ```
 */
export async function differLaws(runner: LawRunner, open: OpenDiffer, options: DifferLawOptions): Promise<void> {
  const capabilities = await capabilitiesOf(open);
  const formats = options.writes;
  const law = differLawsOn(runner, open, options);
  const openDiffer: OpenSubject<Differ> = async (root) => {
    const subject = await open(root);
    return {
      instance: subject.instance.differ,
      capabilities: subject.capabilities,
      folder: subject.folder,
      [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose](),
    };
  };

  runner.describe('laws of differ.v1', () => {
    const contract = {
      point: differPoint,
      methods: ['apply'],
      optionalMethods: { stage: ['stage'], compare: ['compare'] },
    } as const;
    manifestLaws(runner, openDiffer, contract, options);
    runner.describe('apply', () => {
      const shared = sharedDifferLaws(runner, open, law, formats);
      caseLaws(shared, formats);
      streamLaws(shared, formats);
      refusalLaws(shared, formats);
      workLaws(law, formats, options);
    });
    if (capabilities['stage'] === true)
      runner.describe('capability stage', () => stageLaws(sharedDifferLaws(runner, open, law, formats)));
    if (capabilities['compare'] === true) {
      runner.describe('capability compare', () => compareLaws(law, sharedDifferLaws(runner, open, law, formats), formats));
    }
    runner.describe('kill -9', () => crashLaws(law, formats, options));
    cleanUpLaws(runner, open, cleanUp(formats));
  });
}
