import { chainIds, type Reference } from '@slipway/oci';
import type { Descriptor, Digest, Image, ImageConfig, ReadTransaction } from '@slipway/plugin-api';
import { imageOf } from '../images/describe.js';
import { imagesTable } from '../metadata/images.js';
import { configLabels, indexLabels, type Labels, layerLabels, manifestLabels, sourceLabels } from '../metadata/labels.js';
import { dropLease, relieveCutOffLeases } from '../metadata/leases.js';
import { putLabels } from '../metadata/put-labels.js';
import { noteReferences } from '../metadata/references.js';
import { rowKey } from '../metadata/rows.js';
import { changeNames } from '../names/change-names.js';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import type { ChosenManifest } from './choose-manifest.js';

export interface FetchedImage extends ChosenManifest {
  readonly config: ImageConfig;
}

export interface NameRecord {
  /** In full. */
  readonly name: string;
  readonly target: Descriptor;
  readonly config: ImageConfig;
  readonly snapshotter: string;
  /** Its lease ends. */
  readonly operation: Operation;
}

export interface ImageRecord extends Omit<NameRecord, 'config'> {
  readonly image: FetchedImage;
  /** The repository that it was fetched from. */
  readonly origin: Reference | undefined;
  readonly chainId: Digest | undefined;
  /** The compressed layers are not kept for this image. */
  readonly discardsLayers: boolean;
}

/**
 * The name, the labels by which it keeps what it needs, and the end of the lease: one transaction.
 *
 * @returns the image as it is in that moment; in the next one somebody may remove it
 */
export function recordImage(parts: EngineParts, record: ImageRecord): Promise<Image> {
  const { config } = record.image;
  const labels = labelsOf(record);
  return recordName(parts, { ...record, config }, () => labels);
}

/** The same for an image whose content came in another way. */
export function recordName(
  parts: EngineParts,
  { name, target, config, snapshotter, operation }: NameRecord,
  labelsFor: (tx: ReadTransaction) => ReadonlyMap<Digest, Labels>,
): Promise<Image> {
  const chain = chainIds(config.rootfs.diff_ids);
  const now = new Date().toISOString();
  return changeNames(parts, operation, (tx) => {
    const labels = labelsFor(tx);
    putLabels(tx, labels);
    const before = tx.get(imagesTable, rowKey(name));
    const row = { target, ...madeAt(config), createdAt: before?.createdAt ?? now, updatedAt: now };
    tx.put(imagesTable, rowKey(name), row);
    noteReferences(tx, {
      content: [...labels.keys()],
      snapshots: chain.map((chainId) => ({ snapshotter, name: chainId })),
    });
    dropLease(tx, operation.id);
    relieveCutOffLeases(tx, { content: new Set(labels.keys()), snapshots: new Set(chain) });
    return imageOf(tx, name, row);
  });
}

/** What lists show of it: they read no configs. A date is checked, as it comes from whoever made the image. */
export function madeAt({ created }: ImageConfig): { readonly created?: string } {
  const time = Date.parse(created ?? '');
  return Number.isNaN(time) ? {} : { created: new Date(time).toISOString() };
}

function labelsOf({ image, origin, snapshotter, chainId, discardsLayers }: ImageRecord): Map<Digest, Labels> {
  const labels = contentLabels(origin, image, !discardsLayers);
  const { digest } = image.manifest.config;
  return labels.set(digest, { ...labels.get(digest), ...configLabels(snapshotter, chainId) });
}

/** By which an image's documents keep what they need, and which repository each blob came from, if it was one. */
export function contentLabels(reference: Reference | undefined, image: FetchedImage, keepsLayers = true): Map<Digest, Labels> {
  const source = reference === undefined ? {} : sourceLabels(reference.registry, reference.repository);
  const labels = new Map<Digest, Labels>();
  const add = (digest: Digest, more: Labels): void => {
    labels.set(digest, { ...labels.get(digest), ...source, ...more });
  };
  for (const { index, position, child } of image.path) add(index.digest, indexLabels(position, child.digest));
  add(
    image.descriptor.digest,
    manifestLabels(image.manifest, () => keepsLayers),
  );
  add(image.manifest.config.digest, {});
  image.manifest.layers.forEach((layer, position) => {
    add(layer.digest, layerLabels(image.config.rootfs.diff_ids[position] as Digest));
  });
  return labels;
}
