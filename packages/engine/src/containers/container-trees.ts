import { isKind, type LayerTree, type ReadTransaction, SlipwayError } from '@slipway/plugin-api';
import { containersTable } from '../metadata/containers.js';
import { rowKey } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';
import { containerNotFound, type FoundContainer } from './find.js';
import { leftMachine } from './in-machine.js';

/** Topmost first. */
export interface ContainerTrees {
  /** Of its image. */
  readonly lower: readonly LayerTree[];
  readonly upper: readonly LayerTree[];
}

/** Errors: `unimplemented` (CONTAINER_ROOT_IN_MACHINE) while a virtual machine has them, `canceled`. */
export async function containerTrees(
  parts: EngineParts,
  container: FoundContainer,
  signal: AbortSignal | undefined,
): Promise<ContainerTrees> {
  await leftMachine(parts, container, signal);
  const { row } = container;
  const snapshotter = await parts.snapshotters.get(row.snapshotter);
  return {
    lower: row.chainId === null ? [] : await snapshotter.trees(row.chainId),
    upper: await snapshotter.trees(row.snapshotKey),
  };
}

/** Whatever fails because the container was removed meanwhile, or is only being made, fails with what says so. */
export async function whileThere<T>(parts: EngineParts, container: FoundContainer, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isKind(error, 'not-found', 'aborted')) throw error;
    if (!parts.metadata.read((tx) => isThere(tx, container))) throw removed(container.id, error);
    throw isKind(error, 'not-found') ? notReady(container.id, error) : error;
  }
}

/** The same container, not another one that has its name by now. */
export function isThere(tx: ReadTransaction, { id, row }: FoundContainer): boolean {
  return tx.get(containersTable, rowKey(id))?.operation === row.operation;
}

function removed(id: string, cause: unknown): SlipwayError {
  const { kind, code, hint, details } = containerNotFound(id);
  return new SlipwayError({ kind, code, message: `container ${JSON.stringify(id)} was removed meanwhile`, hint, cause, details });
}

function notReady(id: string, cause: unknown): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code: 'CONTAINER_NOT_READY',
    message: `container ${JSON.stringify(id)} is being made`,
    hint: 'try again in a moment',
    cause,
    details: { id },
  });
}
