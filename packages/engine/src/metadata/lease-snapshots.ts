import type { EngineParts } from '../settings.js';
import { addToLease } from './leases.js';
import { removalsEnded, type SnapshotName } from './removal-lock.js';

/**
 * From now on no sweep removes them, and one that was about to has done it: what is there afterwards stays, and what is
 * missing is unpacked for good.
 *
 * @param content leased with them
 */
export async function leaseSnapshots(
  { metadata, settings }: Pick<EngineParts, 'metadata' | 'settings'>,
  operation: string,
  { snapshots, content = [] }: { readonly snapshots: readonly SnapshotName[]; readonly content?: readonly string[] },
  signal: AbortSignal | undefined,
): Promise<void> {
  await metadata.write((tx) => addToLease(tx, operation, { content, snapshots }));
  await removalsEnded(settings.root, snapshots, signal);
}
