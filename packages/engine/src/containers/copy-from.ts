import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type CopyFromOptions, type PathStat, throwIfAborted } from '@slipway/plugin-api';
import { copyInThread } from '../copy-thread.js';
import type { EngineParts } from '../settings.js';
import type { CopyJob } from './copy/copy-job.js';
import { pathNotFound } from './copy/path-in-tree.js';
import { withTree } from './copy/with-tree.js';

/** Straight to the stream, which is ended. Errors: PATH_NOT_FOUND, COPY_CHANGED, `canceled`. */
export async function copyFromContainer(
  parts: EngineParts,
  id: string,
  path: string,
  output: Writable,
  { followLink = false, signal }: CopyFromOptions,
): Promise<PathStat> {
  const what = `copy from container "${id}"`;
  throwIfAborted(what, signal);
  return await withTree(parts, id, { what, writes: false, signal }, async (tree) => {
    let stat: PathStat | undefined;
    await pipeline(async function* () {
      for await (const answer of copyInThread({ kind: 'pack', tree, path, followLink }, signal)) {
        if (answer.type === 'stat') stat = answer.stat;
        if (answer.type === 'part') yield answer.bytes;
      }
    }, output);
    if (stat === undefined) throw pathNotFound(path);
    return stat;
  });
}

export async function statInContainer(parts: EngineParts, id: string, path: string): Promise<PathStat | undefined> {
  const use = { what: `look into container "${id}"`, writes: false, signal: undefined };
  return await withTree(parts, id, use, async (tree) => {
    const job: CopyJob = { kind: 'stat', tree, path };
    let stat: PathStat | undefined;
    for await (const answer of copyInThread(job, undefined)) if (answer.type === 'stat') stat = answer.stat;
    return stat;
  });
}
