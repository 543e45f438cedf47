import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRegistry, tarOf } from '@slipway/fixtures';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Command, runCommand, startCommand, traceSteps } from './child.ts';
import { killedSteps } from './killed-steps.ts';
import { leftInPlace, namesIn, wrongBlobs } from './place.ts';
import { everythingKept } from './store.ts';
import { placesInMemory } from './tmpfs.ts';

const registry = await startRegistry({ images: ['small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/small:latest`;
const made = 'docker.io/library/made:1';

const place = placesInMemory()();
afterAll(() => place[Symbol.dispose]());
const id = path.basename(place.folder);
const file = path.join(place.folder, 'files.tar');
writeFileSync(
  file,
  tarOf([
    { path: 'bin/', type: 'd', mode: 0o755 },
    { path: 'bin/a', body: Buffer.alloc(100_000, 'a') },
  ]),
);

/** What is in the store, and what is at work: one container, for as long as it runs. */
async function settled(): Promise<string[]> {
  await using engine = await place.open();
  await engine.system.prune();
  return [
    ...(await everythingKept(place)),
    ...namesIn(path.join(place.state, 'ops')),
    ...namesIn(path.join(place.root, 'locks')),
  ];
}

/** The next command cleans up; an image that has its name by then is whole, and goes. */
async function removeMade(): Promise<void> {
  await using engine = await place.open();
  if (!(await engine.images.list()).some(({ name }) => name === made)) return;
  expect((await engine.system.verify()).problems).toEqual([]);
  await engine.images.remove(made);
}

let container: Command;
let before: readonly string[];

beforeAll(async () => {
  {
    await using engine = await place.open();
    await engine.pull(image);
  }
  container = startCommand(place, { action: 'run', image, id, args: ['sh', '-c', 'echo made > /made; exec sleep 1000'] });
  await using engine = await place.open();
  for (;;) {
    const changes = await engine.containers.diff(id).catch(() => []);
    if (changes.some((change) => change.path === '/made')) break;
    await sleep(50);
  }
  before = await settled();
});

afterAll(async () => {
  container.process.kill('SIGKILL');
  await container.ended;
  // The monitor kills and deletes the container a moment after its command has gone.
  for (;;) {
    await settled();
    const left = leftInPlace(place);
    if (left.length === 0) break;
    await sleep(50);
  }
});

const requests = {
  import: { action: 'import', file, image: made },
  commit: { action: 'commit', id, image: made },
} as const;

describe.each(['import', 'commit'] as const)('kill -9 of an %s', (action) => {
  it('at each of its steps leaves the whole image or nothing', async () => {
    const steps = await traceSteps(place, requests[action]);
    expect([...steps.keys()]).toEqual(expect.arrayContaining([...killedSteps[action === 'import' ? 'imported' : 'committed']]));
    await removeMade();
    expect(await settled()).toEqual(before);
    for (const [step, count] of steps) {
      for (const nth of count > 1 ? [1, count] : [1]) {
        const { signal } = await runCommand(place, requests[action], { kill: { step, nth, whom: ['command'] } });
        if (nth === 1) expect([step, signal]).toEqual([step, 'SIGKILL']);
        expect([step, wrongBlobs(place)]).toEqual([step, []]);
        await removeMade();
        expect([step, nth, await settled()]).toEqual([step, nth, before]);
      }
    }
    expect((await runCommand(place, requests[action])).report).toEqual({ outcome: 'done', images: [made] });
    await removeMade();
  });
});
