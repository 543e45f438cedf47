import { chainIds, type Reference } from '@slipway/oci';
import {
  type Descriptor,
  type Digest,
  type Fetcher,
  type Image,
  type ImageConfig,
  type ImageManifest,
  isKind,
  type PullOptions,
  step,
} from '@slipway/plugin-api';
import { finishLeftDeletion } from '../metadata/deletion.js';
import { leaseSnapshots } from '../metadata/lease-snapshots.js';
import { addToLease, anyExpired } from '../metadata/leases.js';
import { sweep } from '../metadata/sweep.js';
import { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';
import type { ActiveStack } from '../stack.js';
import { type UnpackLayer, unpackContext } from '../unpack/context.js';
import { topmostExisting } from '../unpack/snapshot-names.js';
import { unpack } from '../unpack/unpack.js';
import { checkPlatform, platformOf } from './check-platform.js';
import { chooseManifest } from './choose-manifest.js';
import { discardLayers } from './discard-layers.js';
import { readManifestDocument, readRunnableConfig, refuseArtifact, refuseLarge } from './document.js';
import { type FetchContext, fetchContent } from './fetch.js';
import { fetchLayers } from './fetch-layers.js';
import { layerReporter } from './layer-progress.js';
import { type FetchedImage, recordImage } from './record-image.js';
import { isWorthKeeping, takeBack } from './take-back.js';

/** What a name stands for now, and who has it. */
export interface ResolvedImage {
  /** In full: it is recorded. */
  readonly name: string;
  readonly target: Descriptor;
  readonly fetcher: Fetcher;
  /** The repository that it is fetched from, if it is one: there it can be had again. */
  readonly origin: Reference | undefined;
}

/** Fetches, unpacks and records what is not here yet. */
export async function bringIn(
  parts: EngineParts,
  stack: ActiveStack,
  { name, target, fetcher, origin }: ResolvedImage,
  options: PullOptions,
): Promise<Image> {
  // What comes from no registry can be gone when it is needed again.
  const discardsLayers = origin !== undefined && (options.discardUnpackedLayers ?? parts.settings.pull.discardUnpackedLayers);
  await using operation = Operation.begin(parts, 'pull');
  const lease = operation.acquire({ kind: 'lease', id: operation.id });
  try {
    const fetch: FetchContext = {
      content: parts.content,
      fetcher,
      operation,
      finishDeletion: (digest) => finishLeftDeletion(parts, digest),
      signal: options.signal,
    };
    const image = await fetchImage(parts, fetch, target, options);
    const chainId = await unpackImage(parts, stack, fetch, image, { ...options, discardsLayers });
    const snapshotter = (await stack.snapshotter()).id;
    const recorded = await recordImage(parts, { name, target, origin, image, snapshotter, chainId, discardsLayers, operation });
    lease.forget();
    step('pull.recorded', { name });
    if (discardsLayers) await discardLayers(parts, operation);
    else await sweepExpired(parts, operation);
    return recorded;
  } catch (error) {
    if (!isWorthKeeping(error)) await takeBack(parts, operation, lease);
    throw error;
  }
}

/** What cut-off pulls left for a retry that did not come in time. The image is there, whatever comes of this. */
async function sweepExpired(parts: EngineParts, operation: Operation): Promise<void> {
  try {
    if (parts.metadata.read((tx) => anyExpired(tx))) await sweep(parts, operation);
  } catch (error) {
    parts.log.warn(`clean up of what earlier pulls left: ${String(error)}`);
  }
}

/** Index, manifest and config: each leased before it is brought in, so that no sweep takes it away again. */
async function fetchImage(
  parts: EngineParts,
  fetch: FetchContext,
  target: Descriptor,
  options: PullOptions,
): Promise<FetchedImage> {
  const lease = (content: readonly Digest[]): Promise<void> =>
    parts.metadata.write((tx) => addToLease(tx, fetch.operation.id, { content }));
  const fetchConfig = async (manifest: ImageManifest): Promise<ImageConfig> => {
    refuseArtifact(manifest);
    refuseLarge(manifest.config);
    await lease([manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)]);
    return fetchDocument(fetch, manifest.config, () => readRunnableConfig(parts.content, manifest));
  };
  const chosen = await chooseManifest(target, options.platform, {
    load: async (descriptor) => {
      refuseLarge(descriptor);
      await lease([descriptor.digest]);
      return fetchDocument(fetch, descriptor, () => readManifestDocument(parts.content, descriptor));
    },
    platformOf: async (manifest) => platformOf(await fetchConfig(manifest)),
  });
  step('pull.manifest', { digest: chosen.descriptor.digest });

  const { manifest } = chosen;
  const config = await fetchConfig(manifest);
  const warning = checkPlatform(chosen.descriptor, config, options.platform);
  if (warning !== undefined) parts.log.warn(warning);
  step('pull.config', { digest: manifest.config.digest });
  return { ...chosen, config };
}

/** One that is here and was damaged on disk is brought in again. */
async function fetchDocument<T>(fetch: FetchContext, descriptor: Descriptor, read: () => Promise<T>): Promise<T> {
  await fetchContent(fetch, descriptor, () => {});
  try {
    return await read();
  } catch (error) {
    if (!isKind(error, 'data-loss')) throw error;
    await fetchContent({ ...fetch, replace: true }, descriptor, () => {});
    return read();
  }
}

/** Downloads run side by side and ahead of the unpacking. */
async function unpackImage(
  parts: EngineParts,
  stack: ActiveStack,
  fetch: FetchContext,
  image: FetchedImage,
  options: PullOptions & { readonly discardsLayers: boolean },
): Promise<Digest | undefined> {
  const { layers } = image.manifest;
  options.onProgress?.({ type: 'layers', layers });
  const reporters = layers.map((layer) => layerReporter(options.onProgress, layer));
  const chain = chainIds(image.config.rootfs.diff_ids);
  const context = await unpackContext(parts, stack, fetch.operation, options.signal);
  // Of layers that would go again, only those are fetched that are not unpacked yet.
  const first = options.discardsLayers ? (await topmostExisting(context.snapshotter, chain)) + 1 : 0;
  await using downloads = fetchLayers(fetch, layers.slice(first), reporters.slice(first));
  const unpackLayers = layers.map((descriptor, index): UnpackLayer => {
    const report = reporters[index] as UnpackLayer['report'];
    return {
      descriptor,
      diffId: image.config.rootfs.diff_ids[index] as Digest,
      fetched: downloads.fetched[index - first] ?? Promise.resolve(),
      // Where what was unpacked is removed in this moment.
      bringIn:
        index < first
          ? (signal) => fetchContent({ ...fetch, signal }, descriptor, (bytes) => report('downloading', bytes))
          : undefined,
      report,
    };
  });
  const snapshots = chain.map((name) => ({ snapshotter: context.snapshotterId, name }));
  await leaseSnapshots(parts, fetch.operation.id, { snapshots }, options.signal);
  // Awaited here: the downloads are stopped when this scope ends.
  return await unpack(context, unpackLayers);
}
