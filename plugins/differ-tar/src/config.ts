import { defaultLimits, type LayerLimits } from '@slipway/layers/limits';
import * as v from 'valibot';

const positive = (fallback: number) => v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)), fallback);

/** Bounds on what a layer may claim; the defaults are far above what real images have. */
export const differTarConfig = v.strictObject({
  maxEntries: positive(defaultLimits.entries),
  maxDepth: positive(defaultLimits.depth),
  maxHeaderBytes: positive(defaultLimits.headerBytes),
  maxUnpackedBytes: positive(defaultLimits.unpackedBytes),
});

export type DifferTarConfig = v.InferOutput<typeof differTarConfig>;

export function limitsOf(config: DifferTarConfig): LayerLimits {
  return {
    entries: config.maxEntries,
    depth: config.maxDepth,
    headerBytes: config.maxHeaderBytes,
    unpackedBytes: config.maxUnpackedBytes,
  };
}
