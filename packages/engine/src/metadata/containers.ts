import { type ContainerSettings, defineTable } from '@slipway/plugin-api';
import * as v from 'valibot';

const volumeSchema = v.object({
  driver: v.string(),
  name: v.string(),
  /** Goes with the container, where that is asked for. */
  anonymous: v.boolean(),
  target: v.string(),
});

const schema = v.object({
  /** Rows of the first version are of containers whose name was their id. */
  name: v.optional(v.string(), ''),
  image: v.string(),
  /** Who made it; while that operation holds it, its row is nobody else's to remove. */
  operation: v.string(),
  manifest: v.string(),
  /** Top layer; null for an image without layers. */
  chainId: v.nullable(v.string()),
  snapshotter: v.string(),
  snapshotKey: v.string(),
  runtime: v.string(),
  createdAt: v.string(),
  /** What was asked for, as `update` has changed it since. Checked when it was asked for. */
  settings: v.optional(
    v.custom<ContainerSettings>((value) => typeof value === 'object' && value !== null),
    {},
  ),
  removeAtExit: v.optional(v.boolean(), true),
  /** What was asked for last: a restart policy minds it after the machine was started. */
  wanted: v.optional(v.picklist(['running', 'stopped']), 'running'),
  volumes: v.optional(v.array(volumeSchema), []),
});

export type ContainerRow = v.InferOutput<typeof schema>;

/** By id. A container records the plugins that made it: what comes later uses those, not today's config. */
export const containersTable = defineTable<ContainerRow>('containers', (value) => v.parse(schema, value));
