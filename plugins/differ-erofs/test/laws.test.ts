import { differLaws } from '@slipway/plugin-testkit';
import { afterAll, describe, it } from 'vitest';
import { openSubject } from './subject.ts';

/** What compares reads trees that are mounted, whatever they lie in: laws of differ-tar show it. These are about what images add to that: their order, links and marks. */
const ofComparing = /^compared?: /;
const ofComparedImages = /^compared: (whiteouts|hard links)$|^compare: (what has changed back|a tree with nothing|equal trees)/;
const isAll = process.env['SLIPWAY_ALL_LAWS'] === '1';

const runner = {
  describe,
  afterAll,
  it(name: string, body: () => Promise<void>): void {
    if (isAll || !ofComparing.test(name) || ofComparedImages.test(name)) it(name, body);
  },
};

await differLaws(runner, openSubject, {
  writes: ['erofs'],
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
