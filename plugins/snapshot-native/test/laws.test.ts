import { snapshotterLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './subject.ts';

await snapshotterLaws({ describe, it }, openSubject, {
  module: new URL('./subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  steps: [
    'snapshot.prepare.directory',
    'snapshot.prepare.recorded',
    'snapshot.commit.synced',
    'snapshot.commit.recorded',
    'snapshot.remove.recorded',
    'snapshot.remove.deleted',
    'snapshot.cleanup.deleted',
  ],
  preparing: 'snapshot.prepare.directory',
});
