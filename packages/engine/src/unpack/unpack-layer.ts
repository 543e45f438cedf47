import { isDeepStrictEqual } from 'node:util';
import {
  type Descriptor,
  type Differ,
  type Digest,
  hasCode,
  isKind,
  type LayerTree,
  type Snapshotter,
  type StagedLayer,
  step,
  throwIfAborted,
} from '@slipway/plugin-api';
import type { Semaphore } from '../locks/index.js';
import { brokenImage } from '../pull/broken-image.js';
import { checkDiffId } from './check-diff-id.js';
import type { UnpackContext, UnpackLayer } from './context.js';
import { parentGone } from './parent-gone.js';
import { exists, extractionKey } from './snapshot-names.js';

/** One layer in its image. */
export interface LayerPlace {
  readonly chainId: Digest;
  /** Undefined for the bottom layer. */
  readonly parent: Digest | undefined;
  /** Fulfils when the parent is there. */
  readonly below: Promise<void>;
  readonly isParentThere: () => boolean;
  readonly signal: AbortSignal;
  readonly reading: Semaphore;
  /** Compressed bytes. */
  readonly onProgress: (bytes: number) => void;
}

/** Makes the snapshot of a layer. The caller has its lock. Errors: those of the differ, and {@link parentGone}. */
export async function unpackLayer(context: UnpackContext, layer: UnpackLayer, place: LayerPlace): Promise<void> {
  const stage = context.differ.stage?.bind(context.differ);
  if (stage === undefined || place.isParentThere() || place.parent === undefined) {
    await place.below;
    await inSnapshot(context, place, (key) => applyInOrder(context, layer, place, key));
    return;
  }
  const { parent } = place;
  try {
    await inSnapshot(context, place, async (key) => {
      const staged = await stageLayer(context, layer, place, key, stage);
      await place.below;
      await rebase(context, layer, place, staged, parent);
      step('unpack.rebased', { chainId: place.chainId, key });
      await commit(context, layer, place, key, parent);
    });
  } catch (error) {
    if (!hasCode(error, 'LAYER_NEEDS_LOWER')) throw error;
    step('unpack.unstaged', { chainId: place.chainId });
    await place.below;
    await inSnapshot(context, place, (key) => applyInOrder(context, layer, place, key));
  }
}

/** An active snapshot that stands in the operation's record, and is removed when the work on it fails. */
async function inSnapshot(context: UnpackContext, place: LayerPlace, work: (key: string) => Promise<void>): Promise<void> {
  const key = extractionKey(place.chainId);
  const record = context.operation.acquire({ kind: 'snapshot', snapshotter: context.snapshotterId, key });
  try {
    await work(key);
    record.forget();
    step('unpack.committed', { chainId: place.chainId, key });
  } catch (error) {
    // What cannot be removed stays with the operation, whose end tries again and tells.
    await record.release().catch(() => {});
    // Somebody without our locks was first; the tree is the same.
    if (!isKind(error, 'already-exists') || !(await exists(context.snapshotter, place.chainId))) throw error;
  }
}

async function applyInOrder(context: UnpackContext, layer: UnpackLayer, place: LayerPlace, key: string): Promise<void> {
  const { snapshotter, differ } = context;
  const { chainId, parent } = place;
  {
    using _place = await place.reading.take();
    throwIfAborted(`unpack of "${layer.descriptor.digest}"`, place.signal);
    await onParent(snapshotter, layer, parent, () => snapshotter.prepare(key, parent));
    step('unpack.prepared', { chainId, key });
    const target = await snapshotter.layerTarget(key);
    const applied = await read(layer, place, (options) => differ.apply(layer.descriptor, target, options));
    step('unpack.applied', { chainId, key });
    checkDiffId(layer, applied.digest);
  }
  await snapshotter.commit(chainId, key);
}

async function stageLayer(
  context: UnpackContext,
  layer: UnpackLayer,
  place: LayerPlace,
  key: string,
  stage: NonNullable<Differ['stage']>,
): Promise<StagedLayer> {
  const { snapshotter } = context;
  const { chainId } = place;
  using _place = await place.reading.take();
  throwIfAborted(`unpack of "${layer.descriptor.digest}"`, place.signal);
  await snapshotter.prepare(key);
  step('unpack.prepared', { chainId, key });
  const target = await snapshotter.layerTarget(key);
  const staged = await read(layer, place, (options) => stage(layer.descriptor, target, options));
  step('unpack.staged', { chainId, key });
  checkDiffId(layer, staged.descriptor.digest);
  return staged;
}

/** Nothing keeps the parent before the commit names it, so a removal may take its trees while they are read: then the result is of no use. */
async function rebase(
  { snapshotter }: UnpackContext,
  layer: UnpackLayer,
  place: LayerPlace,
  staged: StagedLayer,
  parent: Digest,
): Promise<void> {
  const treesOfParent = (): Promise<readonly LayerTree[]> =>
    onParent(snapshotter, layer, parent, () => snapshotter.trees(parent));
  const trees = await treesOfParent();
  try {
    await read(layer, place, ({ signal }) => staged.rebase(trees, { signal }));
  } catch (error) {
    throw (await exists(snapshotter, parent)) ? error : parentGone(layer.descriptor, parent);
  }
  // A parent of that name that was unpacked anew meanwhile lies elsewhere.
  if (!isDeepStrictEqual(await treesOfParent(), trees)) throw parentGone(layer.descriptor, parent);
}

async function commit(
  { snapshotter }: UnpackContext,
  layer: UnpackLayer,
  { chainId }: LayerPlace,
  key: string,
  parent: Digest,
): Promise<void> {
  await onParent(snapshotter, layer, parent, () => snapshotter.commit(chainId, key, { parent }));
}

/** What fails with `not-found` because the parent is not there (any more) fails with {@link parentGone}. */
async function onParent<T>(
  snapshotter: Snapshotter,
  layer: UnpackLayer,
  parent: Digest | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (parent === undefined || !isKind(error, 'not-found') || (await exists(snapshotter, parent))) throw error;
    throw parentGone(layer.descriptor, parent);
  }
}

async function read<T>(
  layer: { readonly descriptor: Descriptor },
  { signal, onProgress }: LayerPlace,
  work: (options: { readonly signal: AbortSignal; readonly onProgress: (bytes: number) => void }) => Promise<T>,
): Promise<T> {
  try {
    return await work({ signal, onProgress });
  } catch (error) {
    throw brokenImage(`unpack of layer "${layer.descriptor.digest}"`, error);
  }
}
