import { randomBytes } from 'node:crypto';
import { chainIds } from '@slipway/oci';
import {
  type Descriptor,
  type Differ,
  type Digest,
  isKind,
  type LayerTarget,
  SlipwayError,
  type Snapshotter,
  step,
  throwIfAborted,
} from '@slipway/plugin-api';
import type { Operation } from '../operations/operation.js';
import { brokenImage, brokenImageHint } from '../pull/broken-image.js';
import type { LayerReporter } from '../pull/layer-progress.js';

export interface UnpackContext {
  readonly snapshotterId: string;
  readonly snapshotter: Snapshotter;
  readonly differ: Differ;
  readonly operation: Operation;
  readonly signal?: AbortSignal | undefined;
}

export interface UnpackLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Fulfils when the blob is in the content store. */
  readonly fetched: Promise<void>;
  readonly report: LayerReporter;
}

/** Each is a removal that was at work when the pull began; there are not many of those. */
const maxMissedParents = 10;

/**
 * Applies each layer to a snapshot of the one before and keeps it under its chain ID. A chain ID that exists is never
 * unpacked again. Layers below are unpacked while layers above are still on their way.
 *
 * @returns the chain ID of the top layer; undefined without layers
 */
export async function unpack(context: UnpackContext, layers: readonly UnpackLayer[]): Promise<Digest | undefined> {
  const chain = chainIds(layers.map((layer) => layer.diffId));
  let [done, missed] = [await topmostExisting(context.snapshotter, chain), 0];
  for (let index = 0; index < layers.length; index++) {
    const layer = layers[index] as UnpackLayer;
    await layer.fetched;
    if (index <= done) {
      layer.report('exists', layer.descriptor.size);
      continue;
    }
    const parentIsThere = await unpackLayer(context, layer, chain[index - 1], chain[index] as Digest);
    if (parentIsThere) continue;
    // Taken by a removal in another process that had begun before this image was leased: those that begin later keep it.
    if (++missed > maxMissedParents) throw parentGone(layer, chain[index - 1]);
    done = await topmostExisting(context.snapshotter, chain);
    index = done;
  }
  return chain.at(-1);
}

/** A snapshot keeps its parents, so what lies below an existing one exists. */
export async function topmostExisting(snapshotter: Snapshotter, chain: readonly Digest[]): Promise<number> {
  for (let index = chain.length - 1; index >= 0; index--) {
    try {
      await snapshotter.stat(chain[index] as Digest);
      return index;
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error;
    }
  }
  return -1;
}

/** @returns false when there is no such parent (any more) */
async function unpackLayer(
  context: UnpackContext,
  layer: UnpackLayer,
  parent: Digest | undefined,
  chainId: Digest,
): Promise<boolean> {
  throwIfAborted(`unpack of "${layer.descriptor.digest}"`, context.signal);
  const { snapshotter, differ, signal } = context;
  const key = extractionKey(chainId);
  const record = context.operation.acquire({ kind: 'snapshot', snapshotter: context.snapshotterId, key });
  try {
    layer.report('unpacking', 0);
    if (!(await prepared(snapshotter, key, parent))) {
      await record.release();
      return false;
    }
    step('unpack.prepared', { chainId, key });

    const target = await snapshotter.layerTarget(key);
    const applied = await apply(differ, layer, target, signal);
    step('unpack.applied', { chainId, key });

    checkDiffId(layer, applied.digest);
    await snapshotter.commit(chainId, key);
    record.forget();
    step('unpack.committed', { chainId, key });
  } catch (error) {
    await record.release();
    // Another process was first; the tree is the same.
    if (!isKind(error, 'already-exists')) throw error;
  }
  layer.report('unpacked', layer.descriptor.size);
  return true;
}

async function prepared(snapshotter: Snapshotter, key: string, parent: Digest | undefined): Promise<boolean> {
  try {
    await snapshotter.prepare(key, parent);
    return true;
  } catch (error) {
    if (parent !== undefined && isKind(error, 'not-found')) return false;
    throw error;
  }
}

async function apply(
  differ: Differ,
  layer: UnpackLayer,
  target: LayerTarget,
  signal: AbortSignal | undefined,
): Promise<Descriptor> {
  try {
    return await differ.apply(layer.descriptor, target, { signal, onProgress: (bytes) => layer.report('unpacking', bytes) });
  } catch (error) {
    throw brokenImage(`unpack of layer "${layer.descriptor.digest}"`, error);
  }
}

/** As containerd names them, so that tools that know its keys know ours. */
function extractionKey(chainId: Digest): string {
  const nanoseconds = process.hrtime.bigint() % 1_000_000_000n;
  return `extract-${nanoseconds}-${randomBytes(6).toString('base64url')} ${chainId}`;
}

function parentGone(layer: UnpackLayer, parent: Digest | undefined): SlipwayError {
  return new SlipwayError({
    kind: 'unavailable',
    code: 'SNAPSHOT_PARENT_GONE',
    message: `unpack of layer "${layer.descriptor.digest}": snapshot "${parent}" below it was removed ${maxMissedParents + 1} times meanwhile`,
    hint: 'pull again when nothing is removed at the same time',
  });
}

function checkDiffId(layer: UnpackLayer, found: Digest): void {
  if (found === layer.diffId) return;
  throw new SlipwayError({
    kind: 'failed-precondition',
    code: 'DIFF_ID_MISMATCH',
    message: `layer "${layer.descriptor.digest}" unpacks to diff ID "${found}", the image config says "${layer.diffId}"`,
    hint: brokenImageHint,
    details: { layer: layer.descriptor.digest, found, expected: layer.diffId },
  });
}
