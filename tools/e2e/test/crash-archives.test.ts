import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { imageLayout, readImage } from '@slipway/fixtures';
import { describe, expect, it } from 'vitest';
import { runCommand } from './child.ts';
import { expectRecovery } from './crash.ts';
import { killedSteps } from './killed-steps.ts';
import { leftInPlace, type Place } from './place.ts';
import { done } from './scene.ts';
import { everythingKept } from './store.ts';
import { placesInMemory } from './tmpfs.ts';

const newPlace = placesInMemory();
const [multi, demo] = [imageLayout('medium-multi'), imageLayout('demo')];
const image = 'docker.io/test/multi:1';

const killedAt = (step: string, nth = 1) => ({ kill: { step, nth, whom: ['command'] as const } });

async function loaded(place: Place, from: string): Promise<void> {
  await using engine = await place.open();
  await engine.images.load(from, { name: image });
}

describe('kill -9 of a load', () => {
  const load = { action: 'load', image, file: multi } as const;

  it.each([...killedSteps.load, 'pull.recorded', 'fetch.received', 'unpack.applied'])('at %s', async (step) => {
    using place = newPlace();
    expect(await runCommand(place, load, killedAt(step))).toMatchObject({ signal: 'SIGKILL' });
    await expectRecovery(place);
    await done(place, load);
    await using engine = await place.open();
    expect((await engine.images.inspect(image)).target.digest).toBe(readImage(multi).top.digest);
    await engine.images.remove(image);
    await engine.system.prune({ partial: true });
    await engine[Symbol.asyncDispose]();
    expect([...leftInPlace(place), ...(await everythingKept(place))]).toEqual([]);
  });
});

describe('kill -9 of a save', () => {
  it.each([...killedSteps.save, 'operation.ended'])('at %s', async (step) => {
    using place = newPlace();
    await loaded(place, demo);
    const file = path.join(place.folder, 'saved.tar');
    const save = { action: 'save', image, file } as const;
    expect(await runCommand(place, save, killedAt(step))).toMatchObject({ signal: 'SIGKILL' });
    await expectRecovery(place);
    await done(place, save);
    expect(readdirSync(place.folder).filter((name) => name.includes('saved'))).toEqual(['saved.tar']);
    await using engine = await place.open();
    await engine.images.remove(image);
    await engine.images.load(file);
    expect((await engine.images.inspect(image)).target.digest).toBe(readImage(demo).manifestDigest);
  });
});

describe.each(['oci:', 'oci-archive:', 'docker-archive:'])('kill -9 of a push to %s', (scheme) => {
  it.each(killedSteps.archive)('at %s', async (step) => {
    using place = newPlace();
    const to = `${scheme}${path.join(place.folder, 'copied')}`;
    await loaded(place, demo);
    const push = { action: 'push', image, to: `${to}:app:1` } as const;
    expect(await runCommand(place, push, killedAt(step, step === 'archive.pushed' ? 3 : 1))).toMatchObject({ signal: 'SIGKILL' });
    if (step === 'archive.pushed') {
      await using engine = await place.open();
      await expect(engine.pull(`${to}:app:1`)).rejects.toMatchObject({ kind: 'not-found' });
    }
    await expectRecovery(place);
    await done(place, push);
    await using engine = await place.open();
    const { manifest } = await engine.pull(`${to}:app:1`).then(({ name }) => engine.images.inspect(name));
    expect(manifest.config.digest).toBe(readImage(demo).manifest.config.digest);
    expect(readdirSync(place.folder).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(readdirSync(path.join(place.root, 'resolver.v1', 'archive'))).toEqual([]);
  });
});

it('what a killed writer left beside an archive goes with the next one', async () => {
  using place = newPlace();
  await loaded(place, demo);
  const file = path.join(place.folder, 'saved.tar');
  writeFileSync(path.join(place.folder, '.saved.tar.slipway-0011223344556677'), 'half of an archive');
  await using engine = await place.open();
  await engine.images.save([image], { output: file });
  expect(readdirSync(place.folder).filter((name) => name.includes('saved'))).toEqual(['saved.tar']);
  expect(readFileSync(file).length).toBeGreaterThan(1000);
});
