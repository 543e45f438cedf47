import { differLaws } from '@slipway/plugin-testkit';
import { afterAll, describe, it } from 'vitest';
import { openSubject } from './subject.ts';

await differLaws({ describe, it, afterAll }, openSubject, {
  writes: ['overlay', 'directory'],
  module: new URL('./subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  steps: [
    'diff.apply.opened',
    'diff.apply.applied',
    'diff.stage.opened',
    'diff.stage.staged',
    'diff.rebase.rebased',
    'diff.compare.opened',
    'diff.compare.written',
    'diff.compare.committed',
  ],
});
