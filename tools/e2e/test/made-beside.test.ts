import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { startRegistry, tarOf } from '@slipway/fixtures';
import { afterAll, expect, it } from 'vitest';
import { runCommand, startCommand } from './child.ts';
import { leftInPlace } from './place.ts';
import { everythingKept } from './store.ts';
import { placesInMemory } from './tmpfs.ts';

const registry = await startRegistry({ images: ['small'] });
afterAll(() => registry[Symbol.asyncDispose]());
const small = `${registry.address}/test/small:latest`;
const newPlace = placesInMemory();

it('the same files imported and committed by many, beside prunes and removals in another process, are whole each time', async () => {
  using place = newPlace();
  const id = path.basename(place.folder);
  const file = path.join(place.folder, 'files.tar');
  writeFileSync(file, tarOf([{ path: 'one', body: Buffer.alloc(300_000, '1') }]));
  {
    await using engine = await place.open();
    await engine.pull(small);
    const container = await engine.run({
      image: small,
      name: id,
      args: ['sh', '-c', 'echo 1 > /one; echo ready; exec sleep 1000'],
    });
    for await (const chunk of container.stdout ?? []) if (String(chunk).includes('ready')) break;

    let isDone = false;
    const prunes = (async () => {
      await using other = await place.open();
      while (!isDone) expect((await other.system.prune()).failures).toEqual([]);
    })();
    try {
      for (let round = 0; round < 6; round++) {
        const elsewhere = [
          startCommand(place, { action: 'import', file, image: 'elsewhere:1' }).ended,
          startCommand(place, { action: 'commit', id, image: 'elsewhere:2' }).ended,
        ];
        await Promise.all([
          ...['a', 'b'].map((name) => engine.images.import(file, `${name}:1`)),
          ...['a', 'b'].map((name) => engine.containers.commit(id, `${name}:2`)),
        ]);
        for (const { report } of await Promise.all(elsewhere)) expect(report).toMatchObject({ outcome: 'done' });
        expect((await engine.system.verify()).problems).toEqual([]);
        const names = ['a', 'b', 'elsewhere'].flatMap((name) => [`${name}:1`, `${name}:2`]);
        await Promise.all(names.map((name) => engine.images.remove(name)));
      }
    } finally {
      isDone = true;
      await prunes;
    }
    await container[Symbol.asyncDispose]();
    await engine.images.remove(small);
  }
  expect((await runCommand(place, { action: 'prune' })).report).toEqual({ outcome: 'done', problems: [] });
  expect(await everythingKept(place)).toEqual([]);
  expect(leftInPlace(place)).toEqual([]);
});
