import type { ContainerFilters, ContainerSummary, ListContainersOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { allContainers, type FoundContainer, findContainer } from './find.js';
import { imageAncestors } from './image-ancestors.js';
import { hasLabels } from './labels.js';
import { summaryOf } from './summary.js';

/** What the row tells is asked first: of those that are left out nobody's state is looked up. */
export async function listContainers(parts: EngineParts, options: ListContainersOptions): Promise<readonly ContainerSummary[]> {
  const { filters = {} } = options;
  if (Object.values(filters).some((value) => value !== undefined))
    (await import('./option-types.js')).checkTypes('list', options);
  const matches = rowMatcher(parts, filters);
  const found = allContainers(parts).filter(matches);
  const summaries = await Promise.all(found.map((container) => summaryOf(parts, container)));
  // Asking for what has exited asks for what does not run, as with Docker.
  const all = options.all === true || filters.status !== undefined || filters.exited !== undefined;
  return summaries
    .filter((summary) => all || summary.status === 'running' || summary.status === 'paused' || summary.status === 'restarting')
    .filter((summary) => stateMatches(filters, summary))
    .toSorted((one, other) => newestFirst(one, other));
}

function rowMatcher(parts: EngineParts, filters: ContainerFilters): (container: FoundContainer) => boolean {
  const before = filters.before === undefined ? undefined : findContainer(parts, filters.before).row.createdAt;
  const since = filters.since === undefined ? undefined : findContainer(parts, filters.since).row.createdAt;
  const isOfAncestor = filters.ancestor === undefined ? undefined : imageAncestors(parts, filters.ancestor);
  const some = (values: readonly string[] | undefined, holds: (value: string) => boolean): boolean =>
    values === undefined || values.some(holds);
  return ({ id, row }) =>
    some(filters.id, (value) => id.startsWith(value)) &&
    some(filters.name, (value) => row.name.includes(value)) &&
    hasLabels(row.labels, filters.label ?? []) &&
    (isOfAncestor?.(row) ?? true) &&
    some(filters.volume, (value) => row.volumes.some(({ name, target }) => name === value || target === value)) &&
    (before === undefined || row.createdAt < before) &&
    (since === undefined || row.createdAt > since);
}

function stateMatches(filters: ContainerFilters, { status, exitCode, health }: ContainerSummary): boolean {
  return (
    (filters.status?.includes(status) ?? true) &&
    (filters.exited === undefined || (status === 'exited' && exitCode !== undefined && filters.exited.includes(exitCode))) &&
    (filters.health?.includes(health?.status ?? 'none') ?? true)
  );
}

function newestFirst(one: ContainerSummary, other: ContainerSummary): number {
  if (one.createdAt !== other.createdAt) return one.createdAt < other.createdAt ? 1 : -1;
  return one.id < other.id ? 1 : -1;
}
