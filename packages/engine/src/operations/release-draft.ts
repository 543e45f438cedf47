import { expireLease, leasesTable } from '../metadata/leases.js';
import { rowKey } from '../metadata/rows.js';
import { sweep } from '../metadata/sweep.js';
import type { EngineParts } from '../settings.js';
import { Operation } from './operation.js';

/** Of an operation that was killed before what it made had a name. */
export async function releaseDraft(parts: EngineParts, lease: string): Promise<void> {
  if (parts.metadata.read((tx) => tx.get(leasesTable, rowKey(lease))) === undefined) return;
  await parts.metadata.write((tx) => expireLease(tx, lease));
  await using operation = Operation.begin(parts, 'sweep');
  const { failures } = await sweep(parts, operation);
  for (const { message } of failures) parts.log.warn(message);
}
