import { hasCode, isKind, type RestartedContainer, type StopOptions, throwIfAborted } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { allContainers, type FoundContainer } from './find.js';
import { startContainer } from './start.js';

/** In the order in which they were made. */
export async function restartAfterBoot(parts: EngineParts, { signal }: StopOptions): Promise<readonly RestartedContainer[]> {
  const restarted: RestartedContainer[] = [];
  const wanted = allContainers(parts).filter(isWanted);
  for (const { id, row } of wanted.toSorted((one, other) => (one.row.createdAt < other.row.createdAt ? -1 : 1))) {
    throwIfAborted('restart containers after the boot', signal);
    const { name } = row;
    try {
      await startContainer(parts, id, { signal });
      restarted.push({ id, name });
    } catch (error) {
      if (isKind(error, 'canceled')) throw error;
      if (isSettled(error)) continue;
      restarted.push({ id, name, error });
    }
  }
  return restarted;
}

function isWanted({ row: { settings, wanted } }: FoundContainer): boolean {
  const policy = settings.restart?.name;
  return policy === 'always' || (policy === 'unless-stopped' && wanted === 'running');
}

/** It runs, somebody was first; or it is gone. */
function isSettled(error: unknown): boolean {
  return hasCode(error, 'CONTAINER_RUNNING', 'CONTAINER_PAUSED', 'CONTAINER_NOT_FOUND');
}
