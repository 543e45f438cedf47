import { availableParallelism } from 'node:os';
import { canceled, type Digest, SlipwayError, throwIfAborted } from '@slipway/plugin-api';
import { lockFile, type Semaphore, semaphore, takeLock } from '../locks/index.js';
import type { UnpackContext, UnpackLayer } from './context.js';
import { exists } from './snapshot-names.js';
import { type LayerPlace, unpackLayer } from './unpack-layer.js';

/** Layers in work at once, counted from the lowest that is not there yet: bounds descriptors, and what is lost when one fails. */
const maxLayersInWork = 8;
/** Reading and writing of layers at once; each has a thread. */
const maxReading = Math.min(4, Math.max(2, availableParallelism()));

/** The work on one image: one task for each layer. */
interface Ascent {
  readonly context: UnpackContext;
  readonly chain: readonly Digest[];
  /** Aborted when the caller aborts or any layer has failed. */
  readonly signal: AbortSignal;
  readonly inWork: Semaphore;
  readonly reading: Semaphore;
  /** Index of the topmost layer that is there, as far as is known. */
  top: number;
}

/**
 * Unpacks what is above the layer of index `top`. Fails with the first failure of any layer, when all others have stopped and
 * released what they had.
 *
 * It cannot lock up, in one process or between many: a layer is read without waiting for another, and is then committed when
 * the one below is; places are given from the bottom up, and no place to read is held while waiting for a lock or a layer below.
 */
export async function unpackAbove(
  context: UnpackContext,
  layers: readonly UnpackLayer[],
  chain: readonly Digest[],
  top: number,
): Promise<void> {
  const stop = new AbortController();
  const signal = context.signal === undefined ? stop.signal : AbortSignal.any([context.signal, stop.signal]);
  const ascent: Ascent = { context, chain, signal, inWork: semaphore(maxLayersInWork), reading: semaphore(maxReading), top };
  let failure: { readonly error: unknown } | undefined;
  let below: Promise<void> = Promise.resolve();
  const tasks = layers.map((layer, index) => {
    const task = ascend(ascent, layer, index, below);
    below = task;
    return task.catch((error: unknown) => {
      failure ??= { error };
      stop.abort(new SlipwayError({ kind: 'canceled', code: 'CANCELED', message: 'another layer could not be unpacked' }));
    });
  });
  await Promise.all(tasks);
  if (failure !== undefined) throw failure.error;
}

async function ascend(ascent: Ascent, layer: UnpackLayer, index: number, below: Promise<void>): Promise<void> {
  const { context, signal } = ascent;
  const what = `unpack of layer "${layer.descriptor.digest}"`;
  using _inWork = await ascent.inWork.take();
  await unlessAborted(layer.fetched, what, signal);
  if (index <= ascent.top) {
    await below;
    layer.report('exists', layer.descriptor.size);
    return;
  }
  const inOrder = !context.rebases || context.differ.stage === undefined;
  if (inOrder) await below;

  const chainId = ascent.chain[index] as Digest;
  using lock = await takeLock(lockFile(context.root, 'unpack', context.snapshotterId, chainId), {
    what,
    signal,
    isDone: () => exists(context.snapshotter, chainId),
    onTold: (bytes) => layer.report('unpacking', Math.min(bytes, layer.descriptor.size)),
  });
  if (lock !== undefined) {
    if (lock.wasAbandoned) await context.recover();
    await layer.bringIn?.(signal);
    const place: LayerPlace = {
      chainId,
      parent: ascent.chain[index - 1],
      below,
      isParentThere: () => ascent.top >= index - 1,
      signal,
      reading: ascent.reading,
      onProgress: (bytes) => {
        layer.report('unpacking', bytes);
        lock.tell(bytes);
      },
    };
    await unpackLayer(context, layer, place);
  }
  await below;
  ascent.top = index;
  layer.report('unpacked', layer.descriptor.size);
}

async function unlessAborted(work: Promise<void>, what: string, signal: AbortSignal): Promise<void> {
  throwIfAborted(what, signal);
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(canceled(what, signal));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
