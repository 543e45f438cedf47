import type { Descriptor, HistoryEntry, HistoryItem, Platform } from '@slipway/plugin-api';
import { loadImage } from '../pull/load-image.js';
import type { EngineParts } from '../settings.js';
import { findImage } from './describe.js';

export async function imageHistory(
  parts: EngineParts,
  name: string,
  platform: Platform | undefined,
): Promise<readonly HistoryItem[]> {
  const { config, manifest } = await loadImage(parts.content, findImage(parts, name).image.target, platform);
  return matchHistory(config.history ?? [], manifest.layers);
}

/**
 * A config says how its image was made, entry by entry, and which of the entries made no layer; it is not bound to say so of as many as there are
 * layers (OCI image-spec, config.md). From the bottom up each entry that made one gets the next; layers that no entry speaks of are shown without one.
 *
 * @param layers bottom first, as the entries
 * @returns topmost first
 */
export function matchHistory(history: readonly HistoryEntry[], layers: readonly Descriptor[]): HistoryItem[] {
  const left = [...layers].reverse();
  const items = history.map((entry): HistoryItem => {
    const layer = entry.empty_layer === true ? undefined : left.pop();
    return layer === undefined ? entry : { ...entry, layer };
  });
  const unspoken = left.reverse().map((layer): HistoryItem => ({ layer }));
  return [...items, ...unspoken].reverse();
}
