import { type Descriptor, type Digest, type Fetcher, step } from '@slipway/plugin-api';
import { finishLeftDeletion } from '../../metadata/deletion.js';
import { imagesTable } from '../../metadata/images.js';
import { indexLabels, type Labels, manifestLabels } from '../../metadata/labels.js';
import { addToLease, dropLease } from '../../metadata/leases.js';
import { putLabels } from '../../metadata/put-labels.js';
import { noteReferences } from '../../metadata/references.js';
import { rowKey } from '../../metadata/rows.js';
import { Operation } from '../../operations/operation.js';
import { refuseLarge } from '../../pull/document.js';
import { type FetchContext, fetchContent } from '../../pull/fetch.js';
import { isWorthKeeping, takeBack } from '../../pull/take-back.js';
import type { EngineParts } from '../../settings.js';
import type { ArchivedManifest } from './archived-manifests.js';
import type { NamedImage } from './named-images.js';

/**
 * The content of further manifests of an image that is recorded: other platforms, and what an index has beside them. It is kept with the image, and unpacked
 * when it is used.
 */
export async function bringInOthers(
  parts: EngineParts,
  { name, target }: NamedImage,
  fetcher: Fetcher,
  others: readonly ArchivedManifest[],
  signal: AbortSignal | undefined,
): Promise<void> {
  if (others.length === 0) return;
  await using operation = Operation.begin(parts, 'load');
  const lease = operation.acquire({ kind: 'lease', id: operation.id });
  try {
    const content = new Map<Digest, Descriptor>();
    for (const { descriptor, manifest, path } of others) {
      for (const one of [...path.map(({ index }) => index), descriptor]) refuseLarge(one);
      for (const one of [...path.map(({ index }) => index), ...manifest.layers, manifest.config, descriptor])
        content.set(one.digest, one);
    }
    await parts.metadata.write((tx) => addToLease(tx, operation.id, { content: [...content.keys()] }));
    const fetch: FetchContext = {
      content: parts.content,
      fetcher,
      operation,
      finishDeletion: (digest) => finishLeftDeletion(parts, digest),
      signal,
    };
    for (const descriptor of content.values()) await fetchContent(fetch, descriptor, () => {});
    const labels = labelsOf(others);
    await parts.metadata.write((tx) => {
      // Otherwise the name was given to another image meanwhile: then nothing needs this.
      if (tx.get(imagesTable, rowKey(name))?.target.digest === target.digest) {
        putLabels(tx, labels);
        noteReferences(tx, { content: [...content.keys()] });
      }
      dropLease(tx, operation.id);
    });
    lease.forget();
    step('load.others', { name, manifests: others.length });
  } catch (error) {
    if (!isWorthKeeping(error)) await takeBack(parts, operation, lease);
    throw error;
  }
}

function labelsOf(others: readonly ArchivedManifest[]): Map<Digest, Labels> {
  const labels = new Map<Digest, Labels>();
  const add = (digest: Digest, more: Labels): void => {
    labels.set(digest, { ...labels.get(digest), ...more });
  };
  for (const { descriptor, manifest, path } of others) {
    for (const { index, position, child } of path) add(index.digest, indexLabels(position, child.digest));
    add(
      descriptor.digest,
      manifestLabels(manifest, () => true),
    );
  }
  return labels;
}
