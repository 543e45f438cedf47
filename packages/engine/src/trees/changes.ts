import type { Change, LayerTree } from '@slipway/plugin-api';
import { readTrees } from '../tree-thread.js';

/** What the upper trees changed of the lower ones, as people read it. Both are topmost first. */
export async function changesBetween(
  lower: readonly LayerTree[],
  upper: readonly LayerTree[],
  signal: AbortSignal | undefined,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for await (const part of readTrees({ kind: 'changes', lower, upper }, signal))
    for (const { path, kind } of part) changes.push({ path: `/${Buffer.from(path, 'latin1').toString()}`, kind });
  return changes;
}
