import { writeFileSync } from 'node:fs';
import type { CommitOptions, Snapshotter } from '@slipway/plugin-api';
import type { Operate } from '../children/child-process.js';
import { inTree } from './tree.js';

/** One thing for a child process to do: a method of the snapshotter, or a file written into an active snapshot. */
export type SnapshotOperation =
  | readonly ['prepare' | 'view', key: string, parent?: string]
  | readonly ['commit', name: string, key: string, options?: CommitOptions]
  | readonly ['remove', key: string]
  | readonly ['cleanup']
  | readonly ['write', key: string, file: string, content: string];

export const operate: Operate<Snapshotter, SnapshotOperation> = async (snapshotter, operation) => {
  switch (operation[0]) {
    case 'prepare':
      await snapshotter.prepare(operation[1], operation[2]);
      return undefined;
    case 'view':
      await snapshotter.view(operation[1], operation[2]);
      return undefined;
    case 'commit':
      await snapshotter.commit(operation[1], operation[2], operation[3]);
      return undefined;
    case 'remove':
      await snapshotter.remove(operation[1]);
      return undefined;
    case 'cleanup':
      await snapshotter.cleanup();
      return undefined;
    case 'write': {
      const [, key, file, content] = operation;
      inTree(await snapshotter.mounts(key), (path) => writeFileSync(`${path}/${file}`, content));
      return undefined;
    }
  }
};
