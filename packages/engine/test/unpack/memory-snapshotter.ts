import { type CommitOptions, type ErrorKind, type LayerTree, SlipwayError, type Snapshotter } from '@slipway/plugin-api';

interface Row {
  readonly id: number;
  readonly kind: 'active' | 'committed';
  readonly parent: string | undefined;
}

const refuse = (kind: ErrorKind, code: string = 'MEMORY_SNAPSHOT'): never => {
  throw new SlipwayError({ kind, code, message: kind });
};

export interface MemorySnapshotter {
  readonly snapshotter: Snapshotter;
  /** By key or name. */
  readonly rows: Map<string, Row>;
}

/** The books of an overlaid snapshotter with the capability `rebase`, as far as unpacking uses them. There are no files. */
export function memorySnapshotter(): MemorySnapshotter {
  const rows = new Map<string, Row>();
  let lastId = 0;
  const row = (key: string): Row => rows.get(key) ?? refuse('not-found');
  const parentRow = (parent: string): void => {
    if (row(parent).kind !== 'committed') refuse('invalid-argument');
  };
  const treesOf = (key: string | undefined): LayerTree[] => {
    if (key === undefined) return [];
    const { id, parent } = row(key);
    return [{ format: 'overlay', path: `/${id}` }, ...treesOf(parent)];
  };
  const snapshotter = {
    stat: async (key: string) => ({ name: key, ...row(key) }),
    prepare: async (key: string, parent?: string) => {
      if (rows.has(key)) refuse('already-exists');
      if (parent !== undefined) parentRow(parent);
      rows.set(key, { id: ++lastId, kind: 'active', parent });
      return [];
    },
    layerTarget: async (key: string) => ({ format: 'overlay', path: `/${row(key).id}`, lower: treesOf(row(key).parent) }),
    trees: async (key: string) => treesOf(key),
    commit: async (name: string, key: string, { parent }: CommitOptions = {}) => {
      const { id, parent: before } = row(key);
      if (rows.has(name)) refuse('already-exists');
      if (parent !== undefined) parentRow(parent);
      if (parent !== undefined && before !== undefined) refuse('failed-precondition');
      rows.delete(key);
      rows.set(name, { id, kind: 'committed', parent: parent ?? before });
    },
    remove: async (key: string) => {
      row(key);
      if ([...rows.values()].some(({ parent }) => parent === key)) refuse('failed-precondition');
      rows.delete(key);
    },
    cleanup: async () => {},
  };
  return { snapshotter: snapshotter as unknown as Snapshotter, rows };
}
