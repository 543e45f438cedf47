import { snapshotterLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './ext4-subject.ts';

await snapshotterLaws({ describe, it }, openSubject, {
  module: new URL('./ext4-subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  steps: [
    'snapshot.prepare.directory',
    'snapshot.prepare.recorded',
    'kata.layer.written',
    'snapshot.commit.synced',
    'snapshot.commit.recorded',
    'snapshot.remove.recorded',
    'snapshot.remove.deleted',
    'snapshot.cleanup.deleted',
  ],
  preparing: 'snapshot.prepare.directory',
});
