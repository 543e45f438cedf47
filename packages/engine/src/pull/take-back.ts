import { isKind } from '@slipway/plugin-api';
import { expireLease } from '../metadata/leases.js';
import { sweep } from '../metadata/sweep.js';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';

/** What has arrived is of use to a retry only when the same could succeed later. */
export function isWorthKeeping(error: unknown): boolean {
  return isKind(error, 'unavailable', 'canceled');
}

/**
 * Removes what this operation alone has brought in. The error to report is the operation's, not one of the clean-up. Where the lease
 * cannot be expired, on a full disk, it stays with the operation, whose end lets it run out: a lease that nobody has would never end.
 */
export async function takeBack(parts: EngineParts, operation: Operation, lease: { forget(): void }): Promise<void> {
  try {
    await parts.metadata.write((tx) => expireLease(tx, operation.id));
    lease.forget();
    const { failures } = await sweep(parts, operation);
    for (const { message } of failures) parts.log.warn(message);
  } catch (error) {
    parts.log.warn(`clean up after a failure: ${String(error)}`);
  }
}
