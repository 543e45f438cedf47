import { type Descriptor, type Digest, isKind, type Resolver, SlipwayError, step } from '@slipway/plugin-api';
import { contentTable } from '../metadata/content.js';
import { finishLeftDeletion } from '../metadata/deletion.js';
import { keepsLayers, sourceRepositories } from '../metadata/labels.js';
import { rowKey } from '../metadata/rows.js';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import { isPresent } from './document.js';
import { fetchContent } from './fetch.js';
import type { LayerReporter } from './layer-progress.js';

export interface MissingLayersOptions {
  readonly parts: EngineParts;
  /** Has leased the layers, so that no sweep takes one that is looked for. */
  readonly operation: Operation;
  /** Of the image: its labels say where it came from. */
  readonly manifest: Digest;
  readonly resolver: () => Promise<Resolver>;
}

/**
 * Brings a layer in again that was discarded, or lost, from one after the other of the places that the image came from.
 *
 * @returns false when it is here
 */
export async function fetchMissingLayer(
  { parts, operation, manifest, resolver }: MissingLayersOptions,
  layer: Descriptor,
  report: LayerReporter,
  signal: AbortSignal,
): Promise<boolean> {
  if (await isPresent(parts.content, layer.digest)) return false;
  let failure: unknown;
  for (const repository of sourcesOf(parts, manifest)) {
    const fetcher = (await resolver()).fetcher(repository);
    try {
      const finishDeletion = (digest: Digest): Promise<void> => finishLeftDeletion(parts, digest);
      const context = { content: parts.content, fetcher, operation, finishDeletion, signal };
      await fetchContent(context, layer, (bytes) => report('downloading', bytes));
      report('downloaded', layer.size);
      step('layers.fetched', { digest: layer.digest });
      return true;
    } catch (error) {
      if (!isKind(error, 'not-found', 'permission-denied', 'unavailable')) throw error;
      failure = error;
    }
  }
  throw failure ?? originUnknown(layer);
}

/** Whether the image was pulled so that its layers stay. */
export function isToKeepLayers({ metadata }: EngineParts, manifest: Digest): boolean {
  return keepsLayers(metadata.read((tx) => tx.get(contentTable, rowKey(manifest)))?.labels ?? {});
}

function sourcesOf({ metadata }: EngineParts, manifest: Digest): string[] {
  return sourceRepositories(metadata.read((tx) => tx.get(contentTable, rowKey(manifest)))?.labels ?? {});
}

function originUnknown({ digest }: Descriptor): SlipwayError {
  return new SlipwayError({
    kind: 'not-found',
    code: 'CONTENT_NOT_FOUND',
    message: `layer "${digest}" is not in the store, and nothing says where the image came from`,
    hint: 'pull the image again',
    details: { digest },
  });
}
