import type { IngestStatus } from '@slipway/plugin-api';
import { graceHours } from '../metadata/leases.js';
import type { EngineParts } from '../settings.js';

/** Downloads that nobody has taken up again in their time of grace, or at all with `partial`. Some may be at work: they refuse to be dropped. */
export async function leftIngests(parts: EngineParts, options: { readonly partial: boolean }): Promise<readonly IngestStatus[]> {
  const graceBegan = new Date(Date.now() - graceHours * 3_600_000);
  const all = await parts.store.listStatuses();
  return all.filter(({ updatedAt }) => options.partial || new Date(updatedAt) < graceBegan);
}
