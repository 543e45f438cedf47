import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenSnapshotter } from '@slipway/plugin-testkit/subjects';
import { openSubject as openSound } from './sound-subject.ts';

/** Broken: cleanup removes every folder that has no row, also those that another process is making. */
export const openSubject: OpenSnapshotter = async (root) => {
  const sound = await openSound(root);
  const { instance: snapshotter, folder = root } = sound;
  snapshotter.cleanup = async () => {
    const paths = new Set<string>();
    for await (const { name, kind } of snapshotter.walk()) {
      if (kind === 'active') paths.add((await snapshotter.layerTarget(name)).path);
    }
    for (const id of Array.from({ length: 100 }, (_, i) => i + 2)) {
      const path = join(folder, 'snapshots', String(id));
      if (!paths.has(join(path, 'fs'))) await rm(path, { recursive: true, force: true });
    }
  };
  return sound;
};
