import { type LawRunner, snapshotterLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './directory-subject.ts';

/** What a snapshotter of the other form does with the same code, and takes longest to show: ext4-laws.test.ts has it. */
const shared: readonly string[] = ['128 layers can be seen and written on (128LayersMount)'];

const runner: LawRunner = {
  describe,
  it(name, body) {
    if (!shared.includes(name)) it(name, body);
  },
};

await snapshotterLaws(runner, openSubject, {
  module: new URL('./directory-subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  // Those between which the forms differ: what is recorded, removed and cleaned up is one and the same for both.
  steps: ['snapshot.prepare.directory', 'kata.layer.written', 'snapshot.commit.synced'],
  preparing: 'snapshot.prepare.directory',
});
