import { defineTable } from '@slipway/plugin-api';
import * as v from 'valibot';

const schema = v.object({ image: v.string(), snapshotter: v.string(), snapshotKey: v.string() });

export type ImageMountRow = v.InferOutput<typeof schema>;

/** Image trees mounted for people to look at, by directory. */
export const imageMountsTable = defineTable<ImageMountRow>('image-mounts', (value) => v.parse(schema, value));
