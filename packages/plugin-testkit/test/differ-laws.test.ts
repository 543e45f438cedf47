import { differLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './plain-differ-subject.ts';

// A second implementation beside differ-tar: what only one of them can keep would be no law.
await differLaws({ describe, it }, openSubject, {
  writes: ['overlay', 'directory'],
  module: new URL('./plain-differ-subject.ts', import.meta.url).href,
  steps: ['diff.plain.opened', 'diff.plain.applied'],
});
