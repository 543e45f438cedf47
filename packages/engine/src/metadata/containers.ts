import { defineTable } from '@slipway/plugin-api';
import * as v from 'valibot';

const schema = v.object({
  image: v.string(),
  /** Who made it; its row is nobody else's to remove. */
  operation: v.string(),
  manifest: v.string(),
  /** Top layer; null for an image without layers. */
  chainId: v.nullable(v.string()),
  snapshotter: v.string(),
  snapshotKey: v.string(),
  runtime: v.string(),
  createdAt: v.string(),
});

export type ContainerRow = v.InferOutput<typeof schema>;

/** By id. A container records the plugins that made it: what comes later uses those, not today's config. */
export const containersTable = defineTable<ContainerRow>('containers', (value) => v.parse(schema, value));
