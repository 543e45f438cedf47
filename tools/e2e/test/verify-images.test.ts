import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startRegistry } from '@slipway/fixtures';
import { afterAll, expect, it } from 'vitest';
import { leftInPlace, makePlace, namesIn } from './place.ts';
import { wrongPaths } from './trees.ts';

const registry = await startRegistry({ images: ['demo'] });
afterAll(() => registry[Symbol.asyncDispose]());
const image = `${registry.address}/test/demo:latest`;

/** Changes bytes in the middle of what a file of the image has, or of what the image says of its files. */
function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  for (let index = at; index < at + 64; index++) bytes[index] = (bytes[index] ?? 0) ^ 0x5a;
  writeFileSync(file, bytes);
}

const damages = [
  { what: 'gone', problem: ['missing'], damage: (file: string) => rmSync(file) },
  { what: 'cut short', problem: ['unreadable'], damage: (file: string) => truncateSync(file, 4096) },
  { what: 'without its superblock', problem: ['unreadable'], damage: (file: string) => flip(file, 1024) },
  {
    what: 'damaged in the middle',
    problem: ['damaged', 'unreadable'],
    damage: (file: string) => flip(file, statSync(file).size >> 1),
  },
  {
    what: 'damaged at its end',
    problem: ['damaged', 'unreadable', 'none'],
    damage: (file: string) => flip(file, statSync(file).size - 256),
  },
];

it('bug: a layer whose image was damaged ended verify with an internal error; it is told, and unpacked anew', async () => {
  using place = makePlace('[stack]\nsnapshotter = "kata"');
  const folder = path.join(place.root, 'snapshotter.v1/kata/snapshots');
  {
    await using engine = await place.open();
    await engine.pull(image);
    for (const { what, problem, damage } of damages) {
      const layers = namesIn(folder).map((name) => path.join(folder, name, 'layer.erofs'));
      const [largest = ''] = layers.toSorted((a, b) => statSync(b).size - statSync(a).size);
      damage(largest);
      const found = (await engine.system.verify()).problems.map((each) => each.problem);
      expect(problem, what).toContain(found[0] ?? 'none');
      const repaired = (await engine.system.verify({ repair: true })).problems;
      expect(
        repaired.every((each) => each.repaired === true),
        what,
      ).toBe(true);
      expect((await engine.system.verify()).problems, what).toEqual([]);
      expect(await wrongPaths(engine, image, 'demo'), what).toEqual([]);
    }
  }
  expect(leftInPlace(place)).toEqual([]);
});
