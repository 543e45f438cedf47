import { chainIds } from '@slipway/oci';
import type { Digest, Image, ReadTransaction } from '@slipway/plugin-api';
import { contentTable } from '../../metadata/content.js';
import { configLabels, type Labels, layerLabels, manifestLabels, onlySourceLabels } from '../../metadata/labels.js';
import { rowKey } from '../../metadata/rows.js';
import { recordName } from '../../pull/record-image.js';
import type { EngineParts } from '../../settings.js';
import type { Draft } from './draft.js';
import type { MadeImage } from './made-image.js';

export interface MadeRecord {
  /** In full. */
  readonly name: string;
  readonly image: MadeImage;
  readonly snapshotter: string;
  /** Manifest of what it was made on. */
  readonly base: Digest | undefined;
}

/**
 * Gives an image that was made here its name. It came from nowhere, so nothing can be fetched again; but layers of its base, which may have been
 * discarded, are fetched from where that came from.
 */
export function recordMade(parts: EngineParts, draft: Draft, { name, image, snapshotter, base }: MadeRecord): Promise<Image> {
  const { target, config } = image;
  const { operation } = draft;
  return recordName(parts, { name, target, config, snapshotter, operation }, (tx) => labelsOf(tx, image, snapshotter, base));
}

function labelsOf(
  tx: ReadTransaction,
  { target, manifest, config }: MadeImage,
  snapshotter: string,
  base: Digest | undefined,
): ReadonlyMap<Digest, Labels> {
  const isHere = (digest: Digest): boolean => {
    const row = tx.get(contentTable, rowKey(digest));
    return row !== undefined && row.deletedBy === undefined;
  };
  const source = base === undefined ? {} : onlySourceLabels(tx.get(contentTable, rowKey(base))?.labels ?? {});
  const labels = new Map<Digest, Labels>([
    [target.digest, { ...manifestLabels(manifest, isHere), ...source }],
    [manifest.config.digest, configLabels(snapshotter, chainIds(config.rootfs.diff_ids).at(-1))],
  ]);
  for (const [position, layer] of manifest.layers.entries())
    labels.set(layer.digest, layerLabels(config.rootfs.diff_ids[position] as Digest));
  return labels;
}
