import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type OpenSnapshotter, snapshotterLaws } from '@slipway/plugin-testkit';
import { describe, expect, it } from 'vitest';
import { CollectingRunner } from './collecting-runner.ts';
import { imageOf, layers, openSubject } from './layers-subject.ts';
import { opener } from './sound-subject.ts';

let copies = 0;
function copyOf(file: string): string {
  const copy = `${file}.${++copies}`;
  copyFileSync(file, copy);
  return copy;
}

const shared = 'layers: what grows on one parent';
const alone = 'layers: who has the lock';
const applied = 'layers: an image that is applied';

const faults: readonly (readonly [fault: string, law: string, open: OpenSnapshotter])[] = [
  [
    'each snapshot has images of its own',
    shared,
    opener({
      ...layers,
      mounts: (place) => layers.mounts({ ...place, parents: place.parents.map(copyOf) }),
    }),
  ],
  [
    'the images are in the order in which they were made',
    shared,
    opener({ ...layers, mounts: (place) => layers.mounts({ ...place, parents: place.parents.toReversed() }) }),
  ],
  [
    'snapshots write to one file system',
    shared,
    opener({
      ...layers,
      mounts: (place) => layers.mounts({ ...place, tree: join(place.folder, '../upper.ext4') }),
      async fill(place) {
        await layers.fill(place);
        if (place.kind === 'active') copyFileSync(place.tree, join(place.folder, '../upper.ext4'));
      },
    }),
  ],
  [
    'each who asks gets a file of its own to write to',
    alone,
    opener({ ...layers, mounts: (place) => layers.mounts({ ...place, tree: copyOf(place.tree) }) }),
  ],
  [
    'a commit takes what is being written to',
    alone,
    opener({
      ...layers,
      async seal({ folder, tree }) {
        const copy = copyOf(tree);
        const image = join(folder, 'layer.erofs');
        rmSync(image, { force: true });
        imageOf(copy, image);
      },
    }),
  ],
  [
    'a layer that was applied is not what is committed',
    applied,
    opener({ ...layers, seal: async ({ folder, tree }) => imageOf(tree, join(folder, 'layer.erofs')) }),
  ],
  [
    'the archive is left behind',
    applied,
    opener({
      ...layers,
      async seal(place) {
        await layers.seal(place);
        rmSync(join(place.folder, 'layer.tar'), { force: true });
      },
    }),
  ],
];

async function outcomeOf(open: OpenSnapshotter, law: string): Promise<unknown> {
  const runner = new CollectingRunner();
  await snapshotterLaws(runner, open);
  return await runner.outcomeOf(law);
}

describe('the laws of layers', () => {
  it.each([shared, alone, applied])('hold: %s', async (law) => {
    expect(await outcomeOf(openSubject, law)).toBeUndefined();
  });

  it.each(faults)('fail when %s', async (_, law, open) => {
    expect(await outcomeOf(open, law)).toMatchObject({ code: 'ERR_ASSERTION' });
  });
});
