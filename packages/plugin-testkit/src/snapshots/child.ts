import { writeFileSync } from 'node:fs';
import { isSlipwayError, type Snapshotter } from '@slipway/plugin-api';
import type { OpenSnapshotter } from './subject.js';
import { inTree } from './tree.js';

/** One thing for a child process to do: a method of the snapshotter, or a file written into an active snapshot. */
export type ChildOperation =
  | readonly ['prepare' | 'view', key: string, parent?: string]
  | readonly ['commit', name: string, key: string]
  | readonly ['remove', key: string]
  | readonly ['cleanup']
  | readonly ['write', key: string, file: string, content: string];

export interface ChildTask {
  readonly module: string;
  readonly root: string;
  readonly operations: readonly ChildOperation[];
}

async function run(snapshotter: Snapshotter, operation: ChildOperation): Promise<void> {
  switch (operation[0]) {
    case 'prepare':
      await snapshotter.prepare(operation[1], operation[2]);
      return;
    case 'view':
      await snapshotter.view(operation[1], operation[2]);
      return;
    case 'commit':
      return await snapshotter.commit(operation[1], operation[2]);
    case 'remove':
      return await snapshotter.remove(operation[1]);
    case 'cleanup':
      return await snapshotter.cleanup();
    case 'write': {
      const [, key, file, content] = operation;
      inTree(await snapshotter.mounts(key), (path) => writeFileSync(`${path}/${file}`, content));
    }
  }
}

const task = JSON.parse(process.argv[2] ?? '') as ChildTask;
const { openSubject } = (await import(task.module)) as { readonly openSubject: OpenSnapshotter };
const outcomes: string[] = [];
{
  await using subject = await openSubject(task.root);
  for (const operation of task.operations) {
    try {
      await run(subject.snapshotter, operation);
      outcomes.push('done');
    } catch (error) {
      if (!isSlipwayError(error)) throw error;
      outcomes.push(error.kind);
    }
  }
}
process.stdout.write(JSON.stringify(outcomes));
