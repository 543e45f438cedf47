import { type Descriptor, type Digest, isKind, isSlipwayError, type Resolver, SlipwayError, step } from '@slipway/plugin-api';
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
  let failure: SlipwayError | undefined;
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
      if (!isSlipwayError(error) || !isKind(error, 'not-found', 'permission-denied', 'unavailable')) throw error;
      failure = error;
    }
  }
  throw failure === undefined ? originUnknown(layer) : notHere(layer, failure);
}

/** Whether the image was pulled so that its layers stay. */
export function isToKeepLayers({ metadata }: EngineParts, manifest: Digest): boolean {
  return keepsLayers(metadata.read((tx) => tx.get(contentTable, rowKey(manifest)))?.labels ?? {});
}

function sourcesOf({ metadata }: EngineParts, manifest: Digest): string[] {
  return sourceRepositories(metadata.read((tx) => tx.get(contentTable, rowKey(manifest)))?.labels ?? {});
}

/** Who only wants to run an image that is here is to be told why there is a fetch at all. */
function notHere({ digest }: Descriptor, cause: SlipwayError): SlipwayError {
  const { kind, code, hint, message, details } = cause;
  return new SlipwayError({
    kind,
    code,
    message: `layer "${digest}" is needed to unpack the image and is not here any more: ${message}`,
    hint,
    cause,
    details: { ...details, digest },
  });
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
