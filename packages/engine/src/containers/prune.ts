import type { PruneContainersOptions, PrunedContainers } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function pruneContainers(_parts: EngineParts, _options: PruneContainersOptions): Promise<PrunedContainers> {
  throw unfinished('pruneContainers');
}
