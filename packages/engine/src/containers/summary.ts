import type { ContainerSummary } from '@slipway/plugin-api';
import { publishedPorts } from '../networks/published.js';
import type { EngineParts } from '../settings.js';
import type { FoundContainer } from './find.js';
import { type ContainerState, containerState } from './state.js';

export async function summaryOf(parts: EngineParts, container: FoundContainer): Promise<ContainerSummary> {
  return summaryWith(parts, container, await containerState(parts, container));
}

export function summaryWith(
  parts: Pick<EngineParts, 'settings'>,
  { id, row }: FoundContainer,
  state: ContainerState,
): ContainerSummary {
  const { status, pid, startedAt, exit, restarts, health, unsupervised } = state;
  const isOver = status === 'exited' || status === 'restarting';
  return {
    id,
    name: row.name,
    image: row.image,
    command: row.command,
    createdAt: row.createdAt,
    status,
    ...(pid === undefined ? {} : { pid }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(exit === undefined ? {} : { finishedAt: exit.exitedAt }),
    ...(exit !== undefined && isOver ? { exitCode: exit.exitCode } : {}),
    ...(exit?.oomKilled === true && isOver ? { oomKilled: true } : {}),
    restarts,
    ...(health === undefined ? {} : { health }),
    labels: row.labels,
    ports: publishedPorts(parts, { id, row }, status),
    runtime: row.runtime,
    snapshotter: row.snapshotter,
    ...(unsupervised ? { unsupervised } : {}),
  };
}
