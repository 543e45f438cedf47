import {
  defineTable,
  isKind,
  isSlipwayError,
  type ReadTransaction,
  SlipwayError,
  type WriteTransaction,
} from '@slipway/plugin-api';
import * as v from 'valibot';
import { type ContainerRow, containerNamesTable, containersTable } from './containers.js';
import { rowKey, rowName, rowPrefix } from './rows.js';

export interface UnreadableContainer {
  readonly id: string;
  readonly error: SlipwayError;
}

export interface ContainerRows {
  readonly readable: readonly { readonly id: string; readonly row: ContainerRow }[];
  /** Their rows were damaged, or written by another version. Nobody knows what they refer to. */
  readonly unreadable: readonly UnreadableContainer[];
}

/** All containers: one whose row cannot be read does not hide the others. */
export function containerRows(tx: ReadTransaction): ContainerRows {
  const readable: { id: string; row: ContainerRow }[] = [];
  const unreadable: UnreadableContainer[] = [];
  for (const id of containerIds(tx)) {
    try {
      const row = containerRow(tx, id);
      if (row !== undefined) readable.push({ id, row });
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      unreadable.push({ id, error });
    }
  }
  return { readable, unreadable };
}

/** Of all, or of those whose ids begin so. */
export function containerIds(tx: ReadTransaction, beginning = ''): string[] {
  return [...tx.keys(containersTable, { prefix: rowKey(beginning) })].map(rowName);
}

/** Errors: `data-loss` (CONTAINER_UNREADABLE). */
export function containerRow(tx: ReadTransaction, id: string): ContainerRow | undefined {
  return orUnreadable(tx, id, () => tx.get(containersTable, rowKey(id)));
}

/** As much of a row as a sweep must know: where only the rest of it is damaged, what the container needs is still known. */
const needsTable = defineTable('containers', (value) =>
  v.parse(v.object({ manifest: v.string(), chainId: v.nullable(v.string()), snapshotter: v.string() }), value),
);

/** What containers refer to. Errors: `data-loss` (CONTAINER_UNREADABLE): nothing may be taken for garbage then. */
export function containerNeeds(tx: ReadTransaction): Pick<ContainerRow, 'manifest' | 'chainId' | 'snapshotter'>[] {
  return containerIds(tx).flatMap((id) => orUnreadable(tx, id, () => tx.get(needsTable, rowKey(id))) ?? []);
}

export function isUnreadable(error: unknown): error is SlipwayError {
  return isSlipwayError(error) && error.code === 'CONTAINER_UNREADABLE';
}

/** Row and name of one whose row cannot be read, and so does not tell its name. */
export function deleteUnreadable(tx: WriteTransaction, id: string): void {
  const name = nameOf(tx, id);
  if (name !== undefined) tx.delete(containerNamesTable, rowKey(name));
  tx.delete(containersTable, rowKey(id));
}

function orUnreadable<T>(tx: ReadTransaction, id: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isKind(error, 'data-loss')) throw error;
    throw unreadable(tx, id, error);
  }
}

function nameOf(tx: ReadTransaction, id: string): string | undefined {
  for (const key of tx.keys(containerNamesTable, { prefix: rowPrefix })) {
    if (tx.get(containerNamesTable, key) === id) return rowName(key);
  }
  return undefined;
}

function unreadable(tx: ReadTransaction, id: string, cause: unknown): SlipwayError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const name = nameOf(tx, id);
  return new SlipwayError({
    kind: 'data-loss',
    code: 'CONTAINER_UNREADABLE',
    message: `container ${JSON.stringify(name ?? id)} cannot be read: ${why}`,
    hint: `slipway rm ${id.slice(0, 12)} removes it with all that it has written; until then prune removes nothing that it may need`,
    cause,
    details: { id, ...(name === undefined ? {} : { name }) },
  });
}
