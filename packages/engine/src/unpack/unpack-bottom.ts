import { type Descriptor, type Digest, isKind, step } from '@slipway/plugin-api';
import { leaseSnapshots } from '../metadata/lease-snapshots.js';
import type { EngineParts } from '../settings.js';
import type { UnpackContext } from './context.js';
import { exists, extractionKey } from './snapshot-names.js';

/**
 * Unpacks a layer with nothing below it, of which nobody has said the diff ID: it is found on the way.
 *
 * @returns the diff ID, which is also the chain ID
 */
export async function unpackBottom(parts: EngineParts, context: UnpackContext, layer: Descriptor): Promise<Digest> {
  const { snapshotter, snapshotterId, differ, operation, signal } = context;
  const key = extractionKey(layer.digest);
  const record = operation.acquire({ kind: 'snapshot', snapshotter: snapshotterId, key });
  try {
    await snapshotter.prepare(key);
    step('unpack.prepared', { key });
    const { digest: diffId } = await differ.apply(layer, await snapshotter.layerTarget(key), { signal });
    step('unpack.applied', { chainId: diffId, key });
    await leaseSnapshots(parts, operation.id, { snapshots: [{ snapshotter: snapshotterId, name: diffId }] }, signal);
    try {
      await snapshotter.commit(diffId, key);
      record.forget();
      step('unpack.committed', { chainId: diffId, key });
    } catch (error) {
      if (!isKind(error, 'already-exists') || !(await exists(snapshotter, diffId))) throw error;
      // Another image has the same layer; the tree is the same.
      await record.release();
    }
    return diffId;
  } catch (error) {
    // What cannot be removed stays with the operation, whose end tries again and tells.
    await record.release().catch(() => {});
    throw error;
  }
}
