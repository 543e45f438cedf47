import { chainIds, isIndexType, isManifestType } from '@slipway/oci';
import type { Descriptor, Digest, Image } from '@slipway/plugin-api';
import { referenceOf } from '../images/image-names.js';
import { contentTable } from '../metadata/content.js';
import { contentRefs, keepsLayers, type Labels } from '../metadata/labels.js';
import { putLabels } from '../metadata/put-labels.js';
import { rowKey } from '../metadata/rows.js';
import type { ChosenManifest } from '../pull/choose-manifest.js';
import { readManifestDocument, readRunnableConfig } from '../pull/document.js';
import type { LoadedImage } from '../pull/load-image.js';
import { contentLabels } from '../pull/record-image.js';
import type { EngineParts } from '../settings.js';
import { repairBlob } from './repair-blob.js';
import type { Verification } from './verification.js';

/** A platform's manifest of an image, with its documents, which are whole. */
export interface Unpackable {
  readonly image: string;
  readonly loaded: LoadedImage;
  /** Of its layers those whose blobs are not here; they may have been discarded after they were unpacked. */
  readonly absent: ReadonlySet<Digest>;
}

/** An index may point to an index; the pull has looked at how deep. */
type Path = ChosenManifest['path'];

/**
 * Goes through what an image is made of, from its name down, and repairs what is found wrong before what it refers to is looked for. What
 * should be here and has no row is found here.
 */
export async function walkImage(verification: Verification, { name, target }: Image): Promise<Unpackable[]> {
  const found: Unpackable[] = [];
  let repaired = false;
  await walk(target, []);
  if (repaired) await relabel(verification.parts, name, found);
  return found;

  async function isWhole(descriptor: Descriptor): Promise<boolean> {
    const { parts, findings, options } = verification;
    const { digest } = descriptor;
    if (!hasRow(parts, digest))
      findings.add(digest, { problem: 'missing', message: 'the image refers to it, and it is not in the store' });
    if (!findings.isBad(digest)) return true;
    const isRepaired = options.repair === true && (await repairBlob(verification, descriptor, [name]));
    repaired ||= isRepaired;
    return isRepaired;
  }

  async function walk(descriptor: Descriptor, path: Path): Promise<void> {
    if (!(await isWhole(descriptor))) return;
    const document = await readManifestDocument(verification.parts.content, descriptor);
    if (document.kind === 'index') {
      const labels = labelsOf(verification.parts, descriptor.digest);
      for (const [position, child] of document.index.manifests.entries()) {
        // Only children that were brought in count: an index stands for more platforms than one store wants.
        if (!(await wasBroughtIn(verification.parts, labels, child))) continue;
        await walk(child, [...path, { index: descriptor, position, child }]);
      }
      return;
    }
    const { manifest } = document;
    if (!(await isWhole(manifest.config))) return;
    const config = await readRunnableConfig(verification.parts.content, manifest);
    const absent = new Set<Digest>();
    const keeps = keepsLayers(labelsOf(verification.parts, descriptor.digest));
    for (const layer of manifest.layers) {
      if (keeps || hasRow(verification.parts, layer.digest)) await isWhole(layer);
      // One that was discarded is no problem, and can only be compared with when it is here.
      else if (verification.options.repair === true) await repairBlob(verification, layer, [name]);
      if (!hasRow(verification.parts, layer.digest)) absent.add(layer.digest);
    }
    const chain = chainIds(config.rootfs.diff_ids);
    found.push({ image: name, loaded: { descriptor, manifest, path, config, chain }, absent });
  }
}

async function wasBroughtIn(parts: EngineParts, labels: Labels, child: Descriptor): Promise<boolean> {
  if (!isIndexType(child.mediaType) && !isManifestType(child.mediaType)) return false;
  return contentRefs(labels).includes(child.digest) || hasRow(parts, child.digest);
}

function labelsOf({ metadata }: EngineParts, digest: Digest): Labels {
  return metadata.read((tx) => tx.get(contentTable, rowKey(digest)))?.labels ?? {};
}

function hasRow({ metadata }: EngineParts, digest: Digest): boolean {
  const row = metadata.read((tx) => tx.get(contentTable, rowKey(digest)));
  return row !== undefined && row.deletedBy === undefined;
}

/** A row that was lost with its blob has lost the labels by which it keeps others, too. */
async function relabel(parts: EngineParts, name: string, found: readonly Unpackable[]): Promise<void> {
  const reference = referenceOf(parts, name);
  await parts.metadata.write((tx) => {
    for (const { loaded } of found) {
      const labels = tx.get(contentTable, rowKey(loaded.descriptor.digest))?.labels ?? {};
      // Layers that were to be discarded are still to be; a manifest without labels is one that was lost.
      const keeps = contentRefs(labels).length === 0 || keepsLayers(labels);
      putLabels(tx, contentLabels(reference, loaded, keeps));
    }
  });
}
