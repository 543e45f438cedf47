import type { LayerFormat } from '@slipway/plugin-api';
import { differLaws, type OpenDiffer } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { CollectingRunner } from './collecting-runner.ts';

export interface DifferFault {
  readonly fault: string;
  readonly open: OpenDiffer;
  /** The laws that are looked at: all whose names begin like this. */
  readonly among: string;
  /** Those of them that must fail; all others must hold. */
  readonly laws: readonly string[] | RegExp;
}

export function differFaults(faults: readonly DifferFault[], writes: readonly LayerFormat[]): void {
  describe('the law suite of differs', () => {
    for (const { fault, open, among, laws } of faults) {
      it(`fails when ${fault}`, async () => {
        const runner = new CollectingRunner();
        await differLaws(runner, open, { writes });
        const expected = [...runner.laws.keys()].filter((name) =>
          laws instanceof RegExp
            ? name.startsWith(among) && laws.test(name)
            : laws.some((law) => name === law || (name.endsWith(`: ${law}`) && name.startsWith(among))),
        );

        expect(expected.length).toBeGreaterThan(0);
        expect(await runner.failing(among)).toEqual(expected);
      });
    }
  });
}
