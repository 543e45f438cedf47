import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SnapshotInfo, Snapshotter } from '@slipway/plugin-api';
import type { LawRunner } from '../law-runner.js';

/** A snapshotter to be tested. */
export interface SnapshotterSubject extends AsyncDisposable {
  readonly snapshotter: Snapshotter;
  /** The folder where it keeps trees (`dirs.root` of a plugin), below the root that it was opened on. */
  readonly folder: string;
}

/** Opens a snapshotter on `root`: an empty folder, or what another one, here or in a process that was killed, left there. */
export type OpenSnapshotter = (root: string) => Promise<SnapshotterSubject>;

export interface SnapshotterLawOptions {
  /** URL of a module that exports the same function as `open`, so that other processes can open the snapshotter too. */
  readonly module: string;
}

export interface LawContext extends SnapshotterSubject {
  readonly root: string;
  /** A second one on the same root, as another process would have it. */
  open(): Promise<SnapshotterSubject>;
}

export type SnapshotLaw = (name: string, body: (context: LawContext) => Promise<void>) => void;

/** Laws on a fresh snapshotter each. */
export function lawsOn(runner: LawRunner, open: OpenSnapshotter): SnapshotLaw {
  return (name, body) =>
    runner.it(name, async () => {
      const root = await mkdtemp(join(tmpdir(), 'slipway-snapshots-'));
      try {
        await using subject = await open(root);
        const { snapshotter, folder } = subject;
        await body({ root, snapshotter, folder, open: () => open(root), [Symbol.asyncDispose]: async () => undefined });
      } finally {
        await rm(root, { recursive: true, force: true });
      }
    });
}

export async function listed(snapshotter: Snapshotter): Promise<SnapshotInfo[]> {
  const infos: SnapshotInfo[] = [];
  for await (const info of snapshotter.walk()) infos.push(info);
  return infos;
}
