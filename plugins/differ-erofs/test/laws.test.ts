import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { differLaws } from '@slipway/plugin-testkit';
import type { OpenDiffer } from '@slipway/plugin-testkit/subjects';
import { afterAll, describe, it } from 'vitest';
import { openSubject } from './subject.ts';

/** Laws of what becomes of a layer. One differ is for all of them: they are many, and starting its threads takes longer than a layer. */
const ofLayers = /^(layers|staged|refused|stream): /;
/** What compares reads trees that are mounted, whatever they lie in: laws of differ-tar show it. These are about what images add to that: their order, links and marks. */
const ofComparing = /^compared?: /;
const ofComparedImages = /^compared: (whiteouts|hard links)$|^compare: (what has changed back|a tree with nothing|equal trees)/;
const isAll = process.env['SLIPWAY_ALL_LAWS'] === '1';
const folder = mkdtempSync(join(tmpdir(), 'slipway-erofs-laws-'));
const shared = await openSubject(folder);
let isShared = false;

afterAll(async () => {
  await shared[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const open: OpenDiffer = async (root) =>
  isShared ? { ...shared, [Symbol.asyncDispose]: () => Promise.resolve() } : await openSubject(root);

const runner = {
  describe,
  it(name: string, body: () => Promise<void>): void {
    if (!isAll && ofComparing.test(name) && !ofComparedImages.test(name)) return;
    it(name, async () => {
      isShared = ofLayers.test(name);
      await body();
    });
  },
};

await differLaws(runner, open, {
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
