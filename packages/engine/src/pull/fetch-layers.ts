import { type Descriptor, type Digest, SlipwayError } from '@slipway/plugin-api';
import { semaphore } from '../locks/index.js';
import { type FetchContext, fetchContent } from './fetch.js';
import type { LayerReporter } from './layer-progress.js';

/** As many at once as containerd and Docker do: enough to fill a link, few enough to be polite. */
const concurrentDownloads = 3;

export interface LayerDownloads extends AsyncDisposable {
  /** One promise a layer, in the order of the layers. */
  readonly fetched: readonly Promise<void>[];
}

/**
 * Starts the downloads, bottom layer first. Disposing stops what still runs and waits for its end, so that no download
 * outlives the pull it belongs to.
 */
export function fetchLayers(
  context: FetchContext,
  layers: readonly Descriptor[],
  reporters: readonly LayerReporter[],
): LayerDownloads {
  const stop = new AbortController();
  const signal = context.signal === undefined ? stop.signal : AbortSignal.any([context.signal, stop.signal]);
  const byDigest = new Map<Digest, Promise<void>>();
  const slots = semaphore(concurrentDownloads);
  const fetched = layers.map((layer, index) => {
    const report: LayerReporter = reporters[index] ?? (() => {});
    const fetch = async (): Promise<void> => {
      using _slot = await slots.take();
      await fetchContent({ ...context, signal }, layer, (bytes) => report('downloading', bytes));
      report('downloaded', layer.size);
    };
    const work = byDigest.get(layer.digest) ?? fetch();
    byDigest.set(layer.digest, work);
    // Who waits for it sees the error; the others need not.
    work.catch(() => {});
    return work;
  });
  return {
    fetched,
    [Symbol.asyncDispose]: async () => {
      stop.abort(new SlipwayError({ kind: 'canceled', code: 'CANCELED', message: 'the pull ended before this download' }));
      await Promise.allSettled(byDigest.values());
    },
  };
}
