import { contentLaws } from '@slipway/plugin-testkit';
import { describe, it } from 'vitest';
import { openSubject } from './subject.ts';

await contentLaws({ describe, it }, openSubject, {
  module: new URL('./subject.ts', import.meta.url).href,
  manifest: new URL('../package.json', import.meta.url),
  steps: [
    'content.ingest.opened',
    'content.ingest.written',
    'content.commit.synced',
    'content.commit.renamed',
    'content.commit.durable',
  ],
});
