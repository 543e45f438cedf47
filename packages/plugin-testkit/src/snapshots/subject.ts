import assert from 'node:assert/strict';
import type { SnapshotInfo, Snapshotter } from '@slipway/plugin-api';
import { type LawContext, lawsOn } from '../law.js';
import type { LawRunner } from '../law-runner.js';
import type { OpenSubject, SuiteOptions } from '../subject.js';

/** A snapshotter on `root`. Its `folder`, where it keeps trees, must be told. */
export type OpenSnapshotter = OpenSubject<Snapshotter>;

export interface SnapshotterLawOptions extends SuiteOptions {
  /** The one of the `steps` that comes when `prepare` has made the files of a snapshot, but nobody sees its key yet. */
  readonly preparing?: string | undefined;
}

export interface SnapshotterLawContext extends LawContext<Snapshotter> {
  readonly snapshotter: Snapshotter;
  /** Where it keeps trees. */
  readonly folder: string;
}

export type SnapshotLaw = (name: string, body: (context: SnapshotterLawContext) => Promise<void>) => void;

/** Laws on a fresh snapshotter each. */
export function snapshotterLawsOn(runner: LawRunner, open: OpenSnapshotter, { module }: SuiteOptions): SnapshotLaw {
  const child = module === undefined ? undefined : { module, operator: new URL('./operator.js', import.meta.url).href };
  const law = lawsOn(runner, open, child);
  return (name, body) =>
    law(name, async (context) => {
      const { instance, subject } = context;
      assert.ok(subject.folder !== undefined, 'the subject does not tell its folder');
      await body({ ...context, snapshotter: instance, folder: subject.folder });
    });
}

export async function listed(snapshotter: Snapshotter): Promise<SnapshotInfo[]> {
  return await Array.fromAsync(snapshotter.walk());
}
