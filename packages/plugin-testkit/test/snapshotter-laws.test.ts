import { snapshotterLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './sound-subject.ts';

await snapshotterLaws({ describe, it }, openSubject, {
  module: new URL('./sound-subject.ts', import.meta.url).href,
  steps: ['snapshot.prepare.directory', 'snapshot.commit.recorded', 'snapshot.remove.deleted'],
  preparing: 'snapshot.prepare.directory',
});
