import { defineTable } from '@slipway/plugin-api';
import * as v from 'valibot';
import { descriptorSchema } from './rows.js';

const schema = v.object({ target: descriptorSchema, createdAt: v.string(), updatedAt: v.string() });

export type ImageRow = v.InferOutput<typeof schema>;

/** Full name to what it means. */
export const imagesTable = defineTable<ImageRow>('images', (value) => v.parse(schema, value));
