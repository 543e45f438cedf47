import { defineTable } from '@slipway/plugin-api';
import * as v from 'valibot';
import { descriptorSchema } from './rows.js';

export const imageSchema = v.object({
  target: descriptorSchema,
  /** Of its config. */
  created: v.exactOptional(v.string()),
  createdAt: v.string(),
  updatedAt: v.string(),
});

export type ImageRow = v.InferOutput<typeof imageSchema>;

/** Full name to what it means. */
export const imagesTable = defineTable<ImageRow>('images', (value) => v.parse(imageSchema, value));
