import { step, type WriteTransaction } from '@slipway/plugin-api';
import type { Operation } from '../operations/operation.js';
import type { EngineParts } from '../settings.js';

/**
 * Every change of names goes through here: one write transaction, then the copy of the names on disk. The change holds from the
 * transaction on; where the copy cannot be written now (on a full disk), the end of the operation tries again, and then the next command.
 */
export async function changeNames<T>(parts: EngineParts, operation: Operation, change: (tx: WriteTransaction) => T): Promise<T> {
  const copy = operation.acquire({ kind: 'names-copy' });
  let changed: T;
  try {
    changed = await parts.metadata.write(change);
    step('names.changed');
  } catch (error) {
    copy.forget();
    throw error;
  }
  await copy.release().catch((error: unknown) => parts.log.debug(`the copy of the names is written later: ${String(error)}`));
  return changed;
}
