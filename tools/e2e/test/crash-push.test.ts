import path from 'node:path';
import { imageLayout, type Registry, readImage, startRegistry } from '@slipway/fixtures';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand, traceSteps } from './child.ts';
import { expectRecovery } from './crash.ts';
import { killedSteps } from './killed-steps.ts';
import { done } from './scene.ts';
import { everythingKept, leases } from './store.ts';
import { placesInMemory } from './tmpfs.ts';

const newPlace = placesInMemory();
let registry: Registry;
beforeAll(async () => {
  registry = await startRegistry({ images: ['demo'] });
});
afterAll(() => registry[Symbol.asyncDispose]());
const digest = readImage(imageLayout('demo')).top.digest;
const from = (): string => `${registry.address}/test/demo:latest`;

/** A registry that has none of it, so that each blob is sent. */
const emptyRegistry = (): Promise<Registry> => startRegistry();

/** What the name means at the registry: all of the image, or nothing. */
async function meaning(place: ReturnType<typeof newPlace>, name: string): Promise<string | undefined> {
  await using engine = await place.open();
  try {
    // To another place, which reads all of it.
    const layout = path.join(place.folder, 'read');
    return (await engine.images.copy(name, `oci:${layout}`)).target.digest;
  } catch (error) {
    expect(error).toMatchObject({ kind: 'not-found' });
    return undefined;
  }
}

it('a push that is killed at each of its steps leaves the name whole or absent, and nothing here; the next one works', async () => {
  using place = newPlace();
  {
    await using engine = await place.open();
    await engine.pull(from());
  }
  const kept = await everythingKept(place);
  await using traced = await emptyRegistry();
  const request = (to: Registry) => ({ action: 'push', image: from(), to: `${to.address}/x/demo:1` }) as const;
  const steps = await traceSteps(place, request(traced));
  expect([...steps.keys()]).toEqual(expect.arrayContaining([...killedSteps.push]));
  for (const [step, count] of steps) {
    for (const nth of count > 1 ? [1, count] : [1]) {
      await using to = await emptyRegistry();
      const name = `${to.address}/x/demo:1`;
      const { signal } = await runCommand(place, request(to), { kill: { step, nth, whom: ['command'] } });
      if (nth === 1) expect([step, signal]).toEqual([step, 'SIGKILL']);
      expect([undefined, digest]).toContain(await meaning(place, name));
      await expectRecovery(place);
      expect([step, await leases(place), await everythingKept(place)]).toEqual([step, [], kept]);
      expect(await done(place, request(to))).toEqual({ outcome: 'done', images: [name] });
      expect(await meaning(place, name)).toBe(digest);
    }
  }
});

it('a tag that is killed at each of its steps is there or not', async () => {
  using place = newPlace();
  const tagged = 'docker.io/library/tagged:1';
  {
    await using engine = await place.open();
    await engine.pull(from());
  }
  const request = { action: 'tag', image: from(), to: tagged } as const;
  const steps = await traceSteps(place, request);
  expect([...steps.keys()]).toEqual(expect.arrayContaining([...killedSteps.tag]));
  for (const step of steps.keys()) {
    const { signal } = await runCommand(place, request, { kill: { step, nth: 1, whom: ['command'] } });
    expect([step, signal]).toEqual([step, 'SIGKILL']);
    await expectRecovery(place);
    await using engine = await place.open();
    const names = (await engine.images.list()).map(({ name }) => name);
    expect(names).toContain(from());
    if (names.includes(tagged)) {
      expect((await engine.images.inspect(tagged)).target.digest).toBe(digest);
      await engine.images.remove(tagged);
    }
    expect((await engine.system.verify()).problems).toEqual([]);
  }
});
