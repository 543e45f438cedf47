import { type Descriptor, isKind, type Platform } from '@slipway/plugin-api';
import { imagesTable } from '../metadata/images.js';
import { rowKey } from '../metadata/rows.js';
import type { EngineParts } from '../settings.js';
import type { ActiveStack } from '../stack.js';
import { isUnpacked } from '../unpack/is-unpacked.js';
import { isPresent } from './document.js';
import { loadImage } from './load-image.js';
import { isToKeepLayers } from './missing-layers.js';

/**
 * Whether the name means this target already and all of it is here and unpacked: then there is nothing to pull. Of layers that were
 * discarded the trees are enough.
 */
export async function isComplete(
  parts: EngineParts,
  stack: ActiveStack,
  name: string,
  target: Descriptor,
  platform: Platform | undefined,
): Promise<boolean> {
  const row = parts.metadata.read((tx) => tx.get(imagesTable, rowKey(name)));
  if (row?.target.digest !== target.digest) return false;
  try {
    const image = await loadImage(parts.content, target, platform);
    const { descriptor, manifest } = image;
    const present = await Promise.all(manifest.layers.map((layer) => isPresent(parts.content, layer.digest)));
    const hasLayers = present.every(Boolean) || !isToKeepLayers(parts, descriptor.digest);
    return hasLayers && (await isUnpacked(parts, await stack.snapshotter(), image));
  } catch (error) {
    // Another platform of it is here, or a document is damaged: the pull mends both.
    if (isKind(error, 'not-found', 'data-loss')) return false;
    throw error;
  }
}
