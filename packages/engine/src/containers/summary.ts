import type { ContainerSummary } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import type { FoundContainer } from './find.js';
import { type ContainerState, containerState } from './state.js';

export async function summaryOf(parts: EngineParts, container: FoundContainer): Promise<ContainerSummary> {
  return summaryWith(container, await containerState(parts, container));
}

export function summaryWith({ id, row }: FoundContainer, state: ContainerState): ContainerSummary {
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
    runtime: row.runtime,
    snapshotter: row.snapshotter,
    ...(unsupervised ? { unsupervised } : {}),
  };
}
