import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isKind, type PolicyRequest, SlipwayError } from '@slipway/plugin-api';
import { type OpenSubject, type PolicyBench, policyLaws } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { ApprovalPolicy, opener } from './approval-policy.ts';
import { GroupRunner } from './group-runner.ts';

interface Fault {
  readonly fault: string;
  readonly open: OpenSubject<PolicyBench>;
  /** Those that fail; all others hold. */
  readonly laws: readonly string[];
}

const broken = (type: new (root: string) => ApprovalPolicy): OpenSubject<PolicyBench> => opener((root) => new type(root));

const faults: readonly Fault[] = [
  {
    fault: 'everything is allowed',
    open: broken(
      class extends ApprovalPolicy {
        override async check(): Promise<void> {}
      },
    ),
    laws: [
      'what it refuses is permission-denied, for pulls and for runs',
      'a refusal names the image and says more',
      'what was refused is refused again',
      'a refused pull leaves nothing behind',
      'many are asked at once, and each has its own answer',
      'what was canceled before it began asks nobody',
      'after dispose every call is refused, and says so',
    ],
  },
  {
    fault: 'everything is refused',
    open: broken(
      class extends ApprovalPolicy {
        override async check(request: PolicyRequest): Promise<void> {
          throw this.refusal(request);
        }
      },
    ),
    laws: [
      'what it allows may be pulled and run',
      'what was allowed to be pulled runs without a network',
      'what was allowed to be pulled runs without a network later, too',
      'many are asked at once, and each has its own answer',
      'one image is asked for by many at once',
      'what vouches for one image vouches for no other',
      'a source that cannot be reached is unavailable, which is no refusal and no leave',
      'a source that does not answer is left when the signal says so',
      'what was canceled before it began asks nobody',
    ],
  },
  {
    fault: 'a refusal has another kind',
    open: broken(
      class extends ApprovalPolicy {
        override refusal({ name }: PolicyRequest): SlipwayError {
          return new SlipwayError({ kind: 'failed-precondition', code: 'NO', message: `no approval of "${name}" was found` });
        }
      },
    ),
    laws: [
      'what it refuses is permission-denied, for pulls and for runs',
      'what was refused is refused again',
      'a refused pull leaves nothing behind',
      'many are asked at once, and each has its own answer',
    ],
  },
  {
    fault: 'a refusal says nothing',
    open: broken(
      class extends ApprovalPolicy {
        override refusal(): SlipwayError {
          return new SlipwayError({ kind: 'permission-denied', code: 'NO', message: 'no' });
        }
      },
    ),
    laws: ['a refusal names the image and says more'],
  },
  {
    fault: 'nothing is kept',
    open: broken(
      class extends ApprovalPolicy {
        override keep(): void {}
      },
    ),
    laws: [
      'what was allowed to be pulled runs without a network',
      'what was allowed to be pulled runs without a network later, too',
      'one image is asked for by many at once',
    ],
  },
  {
    fault: 'it is kept in memory alone',
    open: broken(
      class extends ApprovalPolicy {
        readonly #kept = new Set<string>();
        override isKept({ target }: PolicyRequest): boolean {
          return this.#kept.has(target.digest);
        }
        override keep({ target }: PolicyRequest): void {
          this.#kept.add(target.digest);
        }
      },
    ),
    laws: ['what was allowed to be pulled runs without a network later, too'],
  },
  {
    fault: 'a name is kept, and not what it meant',
    open: broken(
      class extends ApprovalPolicy {
        readonly #kept = new Set<string>();
        override isKept(request: PolicyRequest): boolean {
          return this.#kept.has(request.name) || super.isKept(request);
        }
        override keep(request: PolicyRequest): void {
          this.#kept.add(request.name);
          super.keep(request);
        }
      },
    ),
    laws: ['what vouches for one image vouches for no other'],
  },
  {
    fault: 'the bytes are not looked at',
    open: broken(
      class extends ApprovalPolicy {
        override async approval(request: PolicyRequest): Promise<Buffer> {
          await super.approval(request);
          return Buffer.from(`approved ${request.target.digest}`);
        }
      },
    ),
    laws: ['content that was changed on its way vouches for nothing'],
  },
  {
    fault: 'the bytes are not counted',
    open: broken(
      class extends ApprovalPolicy {
        override async approval({ name, target, source, signal }: PolicyRequest): Promise<Buffer> {
          const repository = name.replace(/:[^/]*$/, '');
          const tag = `${repository}:approval-${target.digest.slice(7, 19)}`;
          const { descriptor } = await source.resolve(tag, { signal }).catch((error: unknown) => {
            throw isKind(error, 'not-found') ? this.refusal({ operation: 'pull', name, target, source }) : error;
          });
          await using fetched = await source.fetcher.fetch(descriptor, { signal });
          let bytes = Buffer.alloc(0);
          let count = 0;
          for await (const chunk of fetched.body) {
            if (bytes.length < 1000) bytes = Buffer.concat([bytes, chunk]);
            // As if memory were full now: the law's own patience ends far before.
            count += chunk.length;
            if (count > 100_000_000) throw new Error('out of memory');
          }
          return bytes;
        }
      },
    ),
    laws: ['content without an end is given up'],
  },
  {
    fault: 'a source that fails is taken for a refusal, and remembered',
    open: broken(
      class extends ApprovalPolicy {
        readonly #bad = new Set<string>();
        override async approval(request: PolicyRequest): Promise<Buffer> {
          if (this.#bad.has(request.name)) throw this.refusal(request);
          return super.approval(request).catch((error: unknown) => {
            if (isKind(error, 'canceled')) throw error;
            this.#bad.add(request.name);
            throw this.refusal(request);
          });
        }
      },
    ),
    laws: ['a source that cannot be reached is unavailable, which is no refusal and no leave'],
  },
  {
    fault: 'a source that fails is leave',
    open: broken(
      class extends ApprovalPolicy {
        override async approval(request: PolicyRequest): Promise<Buffer> {
          return super.approval(request).catch((error: unknown) => {
            if (!isKind(error, 'unavailable')) throw error;
            return Buffer.from(`approved ${request.target.digest}`);
          });
        }
      },
    ),
    laws: ['a source that cannot be reached is unavailable, which is no refusal and no leave'],
  },
  {
    fault: 'the signal is not looked at',
    open: broken(
      class extends ApprovalPolicy {
        override async check(request: PolicyRequest): Promise<void> {
          const stop = AbortSignal.timeout(200);
          await super.check({ ...request, signal: stop }).catch((error: unknown) => {
            throw isKind(error, 'canceled')
              ? new SlipwayError({ kind: 'unavailable', code: 'LATE', message: 'gave up by itself' })
              : error;
          });
        }
      },
    ),
    laws: ['a source that does not answer is left when the signal says so', 'what was canceled before it began asks nobody'],
  },
  {
    fault: 'what it refuses is noted down',
    open: broken(
      class extends ApprovalPolicy {
        override refusal(request: PolicyRequest): SlipwayError {
          writeFileSync(join(this.root, `refused-${request.target.digest.slice(7)}`), '');
          return super.refusal(request);
        }
      },
    ),
    laws: ['a refused pull leaves nothing behind', 'what was removed is gone from the disk'],
  },
  {
    fault: 'it answers after its end',
    open: broken(
      class extends ApprovalPolicy {
        override [Symbol.dispose](): void {}
      },
    ),
    laws: ['after dispose every call is refused, and says so'],
  },
];

const groups = ['manifest agreement', 'decisions', 'sources', 'clean-up'];

describe('the laws of policies that fail', () => {
  for (const { fault, open, laws } of faults) {
    it(`when ${fault}`, async () => {
      const runner = new GroupRunner();
      policyLaws(runner, open);
      expect(await runner.failing(groups)).toEqual(laws);
    });
  }
});
