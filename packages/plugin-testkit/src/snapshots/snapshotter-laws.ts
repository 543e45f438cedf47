import { writeFileSync } from 'node:fs';
import { type Snapshotter, snapshotterPoint } from '@slipway/plugin-api';
import { cleanUpLaws } from '../clean-up-laws.js';
import type { LawRunner } from '../law-runner.js';
import { manifestLaws } from '../manifest-laws.js';
import { capabilitiesOf } from '../subject.js';
import { crashLaws } from './crash-laws.js';
import { layersLaws } from './layers-laws.js';
import { partsLaws } from './parts-laws.js';
import { rebaseLaws } from './rebase-laws.js';
import { processLaws, sharingLaws } from './sharing-laws.js';
import { stateLaws } from './state-laws.js';
import { listed, type OpenSnapshotter, type SnapshotterLawOptions, snapshotterLawsOn } from './subject.js';
import { commitLayer, inTree } from './tree.js';
import { treeLaws } from './tree-laws.js';

/**
 * The laws of snapshotter.v1, for any implementation. They need root and real mounts. Names in brackets are those of the laws in
 * containerd's suite. The capability `rebase` decides what a commit with a parent must do. Fulfils when the laws are registered.
 *
 * ```ts
 * await snapshotterLaws({ describe, it }, openSubject, {
 *   module: new URL('./subject.ts', import.meta.url).href,
 *   manifest: new URL('../package.json', import.meta.url),
 *   steps: ['acme.prepare.made', 'acme.commit.recorded'],
 *   preparing: 'acme.prepare.made',
 * });
 * ```
 */
export async function snapshotterLaws(
  runner: LawRunner,
  open: OpenSnapshotter,
  options: SnapshotterLawOptions = {},
): Promise<void> {
  const capabilities = await capabilitiesOf(open);
  const rebases = capabilities['rebase'] === true;
  const law = snapshotterLawsOn(runner, open, options);

  runner.describe('laws of snapshotter.v1', () => {
    manifestLaws(runner, open, contract, options);
    runner.describe('states', () => stateLaws(law));
    runner.describe('trees', () => treeLaws(law));
    runner.describe('parts', () => partsLaws(law));
    runner.describe('layers that are images', () => layersLaws(law));
    runner.describe('capability rebase', () => rebaseLaws(law, rebases));
    runner.describe('several at once', () => {
      sharingLaws(law);
      if (options.module !== undefined) processLaws(law, options);
    });
    if (options.module !== undefined) runner.describe('kill -9', () => crashLaws(law, options, rebases));
    cleanUpLaws(runner, open, { use, afterDispose });
  });
}

const contract = {
  point: snapshotterPoint,
  methods: [
    'stat',
    'update',
    'usage',
    'mounts',
    'layerTarget',
    'trees',
    'prepare',
    'view',
    'commit',
    'remove',
    'walk',
    'cleanup',
  ],
} as const;

async function use(snapshotter: Snapshotter): Promise<void> {
  await commitLayer(snapshotter, 'A', undefined, (path) => writeFileSync(`${path}/a`, 'a'));
  inTree(await snapshotter.prepare('k', 'A'), (path) => writeFileSync(`${path}/b`, 'b'));
  await snapshotter.update('k', { label: 'x' });
  await snapshotter.layerTarget('k');
  await snapshotter.commit('B', 'k');
  inTree(await snapshotter.view('v', 'B'), () => undefined);
  await snapshotter.usage('B');
  await snapshotter.trees('B');
  await listed(snapshotter);
  for (const key of ['v', 'B', 'A']) await snapshotter.remove(key);
  await snapshotter.cleanup();
}

function afterDispose(snapshotter: Snapshotter): Record<string, () => Promise<unknown>> {
  return {
    stat: () => snapshotter.stat('k'),
    update: () => snapshotter.update('k', {}),
    usage: () => snapshotter.usage('k'),
    mounts: () => snapshotter.mounts('k'),
    layerTarget: () => snapshotter.layerTarget('k'),
    trees: () => snapshotter.trees('k'),
    prepare: () => snapshotter.prepare('late'),
    view: () => snapshotter.view('late'),
    commit: () => snapshotter.commit('late', 'k'),
    remove: () => snapshotter.remove('k'),
    walk: () => listed(snapshotter),
    cleanup: () => snapshotter.cleanup(),
  };
}
