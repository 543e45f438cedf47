import { type LawRunner, snapshotterLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './directory-subject.ts';

/** The forms differ in what a tree is made of, and so in what is left of one that was being made. What is recorded, and who may do what at once, is one and the same for both: ext4-laws.test.ts has it. */
const differing: readonly string[] = ['trees', 'kill -9'];
/** Of these the layers are most of the work, which are the same images in both. */
const shared: readonly string[] = ['128 layers can be seen and written on (128LayersMount)'];
const isAll = process.env['SLIPWAY_ALL_LAWS'] === '1';

const runner: LawRunner = {
  describe(name, body) {
    if (isAll || name.startsWith('laws of ') || differing.includes(name)) describe(name, body);
  },
  it(name, body) {
    if (isAll || !shared.includes(name)) it(name, body);
  },
};

await snapshotterLaws(runner, openSubject, {
  module: new URL('./directory-subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  // Those between which the forms differ.
  steps: ['snapshot.prepare.directory', 'kata.layer.written', 'snapshot.commit.synced'],
  preparing: 'snapshot.prepare.directory',
});
