import { hasCode, type PruneContainersOptions, type PrunedContainers, throwIfAborted } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { allContainers, type FoundContainer } from './find.js';
import { hasLabels } from './labels.js';
import { removeContainer } from './remove.js';
import { containerState } from './state.js';

/** One that is started or removed meanwhile is passed over. */
export async function pruneContainers(parts: EngineParts, options: PruneContainersOptions): Promise<PrunedContainers> {
  const { labels = [], until, dryRun = false, volumes, signal } = options;
  const containers: string[] = [];
  let bytes = 0;
  for (const container of allContainers(parts)) {
    throwIfAborted('prune containers', signal);
    const { id, row } = container;
    if (!hasLabels(row.labels, labels) || (until !== undefined && new Date(row.createdAt) >= until)) continue;
    const { status } = await containerState(parts, container);
    if (status !== 'created' && status !== 'exited') continue;
    const written = await bytesOf(parts, container);
    try {
      if (!dryRun) await removeContainer(parts, id, { volumes, signal });
    } catch (error) {
      if (!hasCode(error, 'CONTAINER_NOT_FOUND', 'CONTAINER_RUNNING')) throw error;
      continue;
    }
    containers.push(id);
    bytes += written;
  }
  return { containers, bytes };
}

/** 0 for one that cannot be measured: that does not keep it from being removed. */
async function bytesOf(parts: EngineParts, { row }: FoundContainer): Promise<number> {
  try {
    return (await (await parts.snapshotters.get(row.snapshotter)).usage(row.snapshotKey)).bytes;
  } catch {
    return 0;
  }
}
