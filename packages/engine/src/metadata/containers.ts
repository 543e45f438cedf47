import { type ContainerSettings, defineTable, SlipwayError, type WriteTransaction } from '@slipway/plugin-api';
import * as v from 'valibot';
import { rowKey } from './rows.js';

const volumeSchema = v.object({
  driver: v.string(),
  name: v.string(),
  /** Goes with the container, where that is asked for. */
  anonymous: v.boolean(),
  target: v.string(),
  /** What the image has there was copied to it, or it was not empty: that happens once for a container. */
  filled: v.optional(v.boolean()),
});

const schema = v.object({
  /** No two have the same; `rename` changes it. */
  name: v.string(),
  image: v.string(),
  /** Who made it; while that operation holds it, its row is nobody else's to remove. */
  operation: v.string(),
  manifest: v.string(),
  /** Top layer; null for an image without layers. */
  chainId: v.nullable(v.string()),
  snapshotter: v.string(),
  snapshotKey: v.string(),
  runtime: v.string(),
  /** The plugin of its networks; absent where its stack has none. */
  network: v.optional(v.string()),
  createdAt: v.string(),
  /** What was asked for, as `update` has changed it since. Checked when it was asked for. */
  settings: v.custom<ContainerSettings>((value) => typeof value === 'object' && value !== null),
  /** argv of what runs in it. */
  command: v.array(v.string()),
  /** A number: the settings' signal, else the image's. */
  stopSignal: v.number(),
  /** The image's labels under the settings'. */
  labels: v.custom<Readonly<Record<string, string>>>((value) => typeof value === 'object' && value !== null),
  removeAtExit: v.boolean(),
  /** What was asked for last: a restart policy minds it after the machine was started. */
  wanted: v.picklist(['running', 'stopped']),
  volumes: v.array(volumeSchema),
});

export type ContainerRow = v.InferOutput<typeof schema>;

/** By id. A container records the plugins that made it: what comes later uses those, not today's config. */
export const containersTable = defineTable<ContainerRow>('containers', (value) => v.parse(schema, value));

/** The id of the container that has the name. */
export const containerNamesTable = defineTable<string>('container-names', (value) => v.parse(v.string(), value));

/** Errors: `already-exists`. */
export function takeName(tx: WriteTransaction, name: string, id: string): void {
  // An id is found before a name: one that is the id of another would never lead to its container.
  const isId = tx.get(containersTable, rowKey(name)) !== undefined;
  const owner = isId ? name : tx.get(containerNamesTable, rowKey(name));
  if (owner !== undefined && owner !== id) throw nameTaken(name, owner);
  tx.put(containerNamesTable, rowKey(name), id);
}

/** Row and name. */
export function deleteContainer(tx: WriteTransaction, id: string): boolean {
  const row = tx.get(containersTable, rowKey(id));
  if (row === undefined) return false;
  if (tx.get(containerNamesTable, rowKey(row.name)) === id) tx.delete(containerNamesTable, rowKey(row.name));
  return tx.delete(containersTable, rowKey(id));
}

function nameTaken(name: string, id: string): SlipwayError {
  return new SlipwayError({
    kind: 'already-exists',
    code: 'CONTAINER_EXISTS',
    message: `container ${JSON.stringify(name)} exists already, with the id ${id.slice(0, 12)}`,
    hint: 'choose another name, or remove or rename the one that has it',
    details: { name, id },
  });
}
