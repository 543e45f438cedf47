import { type Policy, policyPoint } from '@slipway/plugin-api';
import { cleanUpLaws } from '../clean-up-laws.js';
import { lawsOn } from '../law.js';
import type { LawRunner } from '../law-runner.js';
import { manifestLaws } from '../manifest-laws.js';
import type { OpenSubject, SuiteOptions } from '../subject.js';
import type { PolicyBench } from './bench.js';
import { decisionLaws } from './decision-laws.js';
import { sourceLaws } from './source-laws.js';

/** The laws of policy.v1, for any implementation, with an image that it allows and one that it refuses. */
export function policyLaws(
  runner: LawRunner,
  open: OpenSubject<PolicyBench>,
  options: Pick<SuiteOptions, 'manifest'> = {},
): void {
  const law = lawsOn(runner, open);
  const openPolicy: OpenSubject<Policy> = async (root) => {
    const { instance, ...subject } = await open(root);
    return { ...subject, instance: instance.policy };
  };

  runner.describe('laws of policy.v1', () => {
    manifestLaws(runner, openPolicy, { point: policyPoint, methods: ['check'] }, options);
    runner.describe('decisions', () => decisionLaws(law));
    runner.describe('sources', () => sourceLaws(law));
    cleanUpLaws(runner, open, { use, afterDispose });
  });
}

/** Only what is refused: what a policy keeps of what it allowed is there to stay. */
async function use({ policy, refused }: PolicyBench): Promise<void> {
  await policy.check({ operation: 'pull', ...refused() }).catch(() => undefined);
  await policy.check({ operation: 'run', ...refused() }).catch(() => undefined);
}

function afterDispose({ policy, allowed, refused }: PolicyBench): Record<string, () => Promise<unknown>> {
  return {
    'check of what it allows': () => policy.check({ operation: 'pull', ...allowed() }),
    'check of what it refuses': () => policy.check({ operation: 'pull', ...refused() }),
  };
}
