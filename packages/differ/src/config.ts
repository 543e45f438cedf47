import { defaultLimits, type LayerLimits } from '@slipway/layers/limits';
import * as v from 'valibot';

const positive = (fallback: number) => v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)), fallback);

/** Keys of a differ's config: bounds on what a layer may claim. The defaults are far above what real images have. */
export const limitKeys = {
  max_entries: positive(defaultLimits.entries),
  max_depth: positive(defaultLimits.depth),
  max_header_bytes: positive(defaultLimits.headerBytes),
  max_unpacked_bytes: positive(defaultLimits.unpackedBytes),
};

export type LimitsConfig = v.InferOutput<v.StrictObjectSchema<typeof limitKeys, undefined>>;

export function limitsOf(config: LimitsConfig): LayerLimits {
  return {
    entries: config.max_entries,
    depth: config.max_depth,
    headerBytes: config.max_header_bytes,
    unpackedBytes: config.max_unpacked_bytes,
  };
}
