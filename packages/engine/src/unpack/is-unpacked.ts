import type { Snapshotter } from '@slipway/plugin-api';
import { contentTable } from '../metadata/content.js';
import { snapshotRefs } from '../metadata/labels.js';
import { rowKey } from '../metadata/rows.js';
import type { LoadedImage } from '../pull/load-image.js';
import type { EngineParts } from '../settings.js';
import { exists } from './snapshot-names.js';

/**
 * Whether the image's snapshots are there to stay: its config's row keeps them. Those that are there only because another image
 * had the same layers may be garbage, and are leased before they are counted on.
 */
export async function isUnpacked(
  { metadata }: Pick<EngineParts, 'metadata'>,
  { id, snapshotter }: { readonly id: string; readonly snapshotter: Snapshotter },
  { manifest, chain }: Pick<LoadedImage, 'manifest' | 'chain'>,
): Promise<boolean> {
  const top = chain.at(-1);
  if (top === undefined) return true;
  const labels = metadata.read((tx) => tx.get(contentTable, rowKey(manifest.config.digest)))?.labels ?? {};
  const isKept = snapshotRefs(labels).some((kept) => kept.snapshotter === id && kept.name === top);
  return isKept && (await exists(snapshotter, top));
}
