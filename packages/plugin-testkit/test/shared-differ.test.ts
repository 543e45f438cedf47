import { differLaws, type OpenDiffer } from '@slipway/plugin-testkit';
import { expect, it } from 'vitest';
import { CollectingRunner } from './collecting-runner.ts';
import { openSubject } from './plain-differ-subject.ts';

const laws = ['layers: the layer below all others', 'refused: a layer cut in a body', 'stream: gzip that is cut is data-loss'];

/** How many differs are open after each of the laws, and after the end of their group. */
async function openAfterEach(tellsEnds: boolean): Promise<readonly number[]> {
  let openNow = 0;
  const open: OpenDiffer = async (root) => {
    const subject = await openSubject(root);
    openNow += 1;
    return {
      ...subject,
      [Symbol.asyncDispose]: async () => {
        openNow -= 1;
        await subject[Symbol.asyncDispose]();
      },
    };
  };
  const collected = new CollectingRunner();
  const ends: (() => Promise<void>)[] = [];
  const runner = {
    describe: collected.describe.bind(collected),
    it: collected.it.bind(collected),
    ...(tellsEnds ? { afterAll: (end: () => Promise<void>) => void ends.push(end) } : {}),
  };
  await differLaws(runner, open, { writes: ['overlay', 'directory'] });
  const found: number[] = [];
  for (const law of laws) {
    expect(await collected.outcomeOf(law)).toBe(undefined);
    found.push(openNow);
  }
  for (const end of ends) await end();
  return [...found, openNow];
}

it('laws that only use a differ share one until the end of their group, where the runner tells it', async () => {
  expect(await openAfterEach(true)).toEqual([1, 1, 1, 0]);
});

it('else each opens its own', async () => {
  expect(await openAfterEach(false)).toEqual([0, 0, 0, 0]);
});
