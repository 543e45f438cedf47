import { defaultLimits, type LayerLimits } from '@slipway/layers/limits';
import * as v from 'valibot';

const positive = (fallback: number) => v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)), fallback);

/** Bounds on what a layer may claim; the defaults are far above what real images have. */
export const differTarConfig = v.strictObject({
  max_entries: positive(defaultLimits.entries),
  max_depth: positive(defaultLimits.depth),
  max_header_bytes: positive(defaultLimits.headerBytes),
  max_unpacked_bytes: positive(defaultLimits.unpackedBytes),
});

export type DifferTarConfig = v.InferOutput<typeof differTarConfig>;

export function limitsOf(config: DifferTarConfig): LayerLimits {
  return {
    entries: config.max_entries,
    depth: config.max_depth,
    headerBytes: config.max_header_bytes,
    unpackedBytes: config.max_unpacked_bytes,
  };
}
