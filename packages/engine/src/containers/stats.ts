import type { RuntimeStats } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { requireRunning } from './runtime-of.js';

/** What the container has used since it was started. Errors: `failed-precondition` when it does not run. */
export async function containerStats(parts: EngineParts, id: string): Promise<RuntimeStats> {
  const { runtime } = await requireRunning(parts, id, { pausedToo: true });
  return runtime.stats(id);
}
