import type { HistoryItem, Platform } from '@slipway/plugin-api';
import { loadImage } from '../pull/load-image.js';
import type { EngineParts } from '../settings.js';
import { findImage } from './describe.js';

/**
 * A config says how its image was made, entry by entry, and which of the entries made no layer; it is not bound to say so of as many as there are
 * layers (OCI image-spec, config.md). From the bottom up each entry that made one gets the next; layers that no entry speaks of are shown without one.
 */
export async function imageHistory(
  parts: EngineParts,
  name: string,
  platform: Platform | undefined,
): Promise<readonly HistoryItem[]> {
  const { config, manifest } = await loadImage(parts.content, findImage(parts, name).image.target, platform);
  const layers = [...manifest.layers].reverse();
  const items = (config.history ?? []).map((entry): HistoryItem => {
    const layer = entry.empty_layer === true ? undefined : layers.pop();
    return layer === undefined ? entry : { ...entry, layer };
  });
  const unspoken = layers.reverse().map((layer): HistoryItem => ({ layer }));
  return [...items, ...unspoken].reverse();
}
