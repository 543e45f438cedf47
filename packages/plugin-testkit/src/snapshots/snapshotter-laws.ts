import type { LawRunner } from '../law-runner.js';
import { crashLaws } from './crash-laws.js';
import { sharingLaws } from './sharing-laws.js';
import { stateLaws } from './state-laws.js';
import type { OpenSnapshotter, SnapshotterLawOptions } from './subject.js';
import { treeLaws } from './tree-laws.js';

/**
 * The laws of snapshotter.v1, for any implementation. They need root, real mounts and other processes.
 *
 * ```ts
 * import { openSubject } from './subject.ts';
 * snapshotterLaws({ describe, it }, openSubject, { module: new URL('./subject.ts', import.meta.url).href });
 * ```
 */
export function snapshotterLaws(runner: LawRunner, open: OpenSnapshotter, { module }: SnapshotterLawOptions): void {
  runner.describe('laws of snapshotter.v1', () => {
    stateLaws(runner, open);
    treeLaws(runner, open);
    sharingLaws(runner, open, module);
    crashLaws(runner, open, module);
  });
}
