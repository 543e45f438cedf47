import { type Digest, type PullProgress, step } from '@slipway/plugin-api';
import { contentTable } from '../metadata/content.js';
import { configLabels } from '../metadata/labels.js';
import { leaseSnapshots } from '../metadata/lease-snapshots.js';
import { dropLease, relieveCutOffLeases } from '../metadata/leases.js';
import { rowKey } from '../metadata/rows.js';
import { Operation } from '../operations/operation.js';
import { discardLayers } from '../pull/discard-layers.js';
import { layerReporter } from '../pull/layer-progress.js';
import type { LoadedImage } from '../pull/load-image.js';
import { fetchMissingLayer, isToKeepLayers } from '../pull/missing-layers.js';
import { isWorthKeeping, takeBack } from '../pull/take-back.js';
import type { EngineParts } from '../settings.js';
import type { ActiveStack } from '../stack.js';
import { unpackContext } from './context.js';
import { isUnpacked } from './is-unpacked.js';
import { unpack } from './unpack.js';

export interface EnsureUnpackedOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((event: PullProgress) => void) | undefined;
}

/**
 * An image that was pulled for one stack is run with another: its layers are unpacked for this stack's snapshotter from the
 * content store. Those that are not there, because they were discarded, are fetched again.
 */
export async function ensureUnpacked(
  parts: EngineParts,
  stack: ActiveStack,
  image: LoadedImage,
  options: EnsureUnpackedOptions,
): Promise<void> {
  if (await isUnpacked(parts, await stack.snapshotter(), image)) return;
  await using operation = Operation.begin(parts, 'unpack');
  const lease = operation.acquire({ kind: 'lease', id: operation.id });
  try {
    await unpackLeased(parts, stack, operation, image, options);
    lease.forget();
  } catch (error) {
    if (!isWorthKeeping(error)) await takeBack(parts, operation, lease);
    throw error;
  }
}

async function unpackLeased(
  parts: EngineParts,
  stack: ActiveStack,
  operation: Operation,
  image: LoadedImage,
  options: EnsureUnpackedOptions,
): Promise<void> {
  const { id } = await stack.snapshotter();
  const keepsLayers = isToKeepLayers(parts, image.descriptor.digest);
  const needed = {
    // Else the name keeps them.
    content: keepsLayers ? [] : image.manifest.layers.map((layer) => layer.digest),
    snapshots: image.chain.map((name) => ({ snapshotter: id, name })),
  };
  await leaseSnapshots(parts, operation.id, needed, options.signal);
  const { layers, config } = image.manifest;
  const missing = { parts, operation, manifest: image.descriptor.digest, resolver: stack.resolver };
  let fetched = false;
  const chainId = await unpack(
    await unpackContext(parts, stack, operation, options.signal),
    layers.map((descriptor, index) => {
      const report = layerReporter(options.onProgress, descriptor);
      return {
        descriptor,
        diffId: image.config.rootfs.diff_ids[index] as Digest,
        fetched: Promise.resolve(),
        bringIn: async (signal) => {
          if (await fetchMissingLayer(missing, descriptor, report, signal)) fetched = true;
        },
        report,
      };
    }),
  );
  await parts.metadata.write((tx) => {
    const row = tx.get(contentTable, rowKey(config.digest));
    if (row !== undefined)
      tx.put(contentTable, rowKey(config.digest), { ...row, labels: { ...row.labels, ...configLabels(id, chainId) } });
    dropLease(tx, operation.id);
    relieveCutOffLeases(tx, { content: new Set(layers.map((layer) => layer.digest)), snapshots: new Set(image.chain) });
  });
  step('unpack.recorded', { chainId });
  if (fetched && !keepsLayers) await discardLayers(parts, operation);
}
