import type { Descriptor, Differ, Digest, Snapshotter } from '@slipway/plugin-api';
import type { Operation } from '../operations/operation.js';
import { recoverOperations } from '../operations/recovery.js';
import type { LayerReporter } from '../pull/layer-progress.js';
import type { EngineParts } from '../settings.js';
import type { ActiveStack } from '../stack.js';

export interface UnpackContext {
  /** Where the locks are. */
  readonly root: string;
  readonly snapshotterId: string;
  readonly snapshotter: Snapshotter;
  readonly differ: Differ;
  /** The snapshotter has the capability `rebase`: layers can be unpacked before what is below them. */
  readonly rebases: boolean;
  readonly operation: Operation;
  /** Cleans up after operations that were killed since this engine began. */
  readonly recover: () => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

export interface UnpackLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** Fulfils when the blob is in the content store, or need not be. */
  readonly fetched: Promise<void>;
  /** Sees to it that the blob is there, before it is unpacked. */
  readonly bringIn?: ((signal: AbortSignal) => Promise<void>) | undefined;
  readonly report: LayerReporter;
}

export async function unpackContext(
  parts: EngineParts,
  stack: ActiveStack,
  operation: Operation,
  signal: AbortSignal | undefined,
): Promise<UnpackContext> {
  const [{ id, snapshotter }, differ] = await Promise.all([stack.snapshotter(), stack.differ()]);
  return {
    root: parts.settings.root,
    snapshotterId: id,
    snapshotter,
    differ,
    rebases: parts.snapshotters.declares(id)?.['rebase'] === true,
    operation,
    recover: () => recoverOperations(parts),
    signal,
  };
}
