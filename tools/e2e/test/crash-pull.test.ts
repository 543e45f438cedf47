import { startRegistry } from '@slipway/fixtures';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommand, traceSteps } from './child.ts';
import { expectPullAndRun, expectRecovery } from './crash.ts';
import { killedSteps } from './killed-steps.ts';
import { leftInPlace, makePlace } from './place.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;

// Asked of a real pull, so that a new step is tested without being written down here.
const steps = await stepsOfPull();

async function stepsOfPull(): Promise<Map<string, number>> {
  using place = makePlace();
  return await traceSteps(place, { action: 'pull', image });
}

const kills = [...steps].flatMap(([step, count]) =>
  count > 1
    ? [
        { step, nth: 1 },
        { step, nth: count },
      ]
    : [{ step, nth: 1 }],
);

describe('kill -9 of a pull', () => {
  it('meets the steps of resolving, downloading, unpacking and recording', () => {
    expect([...steps.keys()]).toEqual(expect.arrayContaining([...killedSteps.pull]));
  });

  it.each(kills)('at $step, occurrence $nth', async ({ step, nth }) => {
    using place = makePlace();
    const { signal, report } = await runCommand(place, { action: 'pull', image }, { kill: { step, nth, whom: ['command'] } });
    // How often a piece is written and which layers are staged depends on how the bytes come in: it may be one too many.
    const isSure = nth === 1 && !/stage|rebase/.test(step);
    if (isSure || signal !== null) expect(signal).toBe('SIGKILL');
    else expect(report?.outcome).toBe('done');
    await expectRecovery(place);
    await expectPullAndRun(place, image, 'demo');
    expect(leftInPlace(place)).toEqual([]);
  });
});
