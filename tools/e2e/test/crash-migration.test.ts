import { expect, it } from 'vitest';
import { startProgram } from './child.ts';
import { killedSteps } from './killed-steps.ts';
import { makePlace } from './place.ts';

it.each(killedSteps.migration)('kill -9 of a migration of the tables at %s: it is done once', async (step) => {
  using place = makePlace();
  const migrate = (plan?: Parameters<typeof startProgram>[2]) =>
    startProgram('migrate-tables.ts', [JSON.stringify(place.options)], plan, { isApart: true }).ended;
  expect(await migrate({ kill: { step, nth: 1, whom: ['command'] } })).toMatchObject({ signal: 'SIGKILL' });
  expect(await migrate()).toMatchObject({ status: 0, stdout: '1' });
  // The older program, which this is, says so and leaves it alone.
  await using engine = await place.open();
  await expect(engine.images.list()).rejects.toMatchObject({ code: 'TABLES_NEWER' });
});
