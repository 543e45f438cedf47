import type { ContainerSummary, ListContainersOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function listContainers(_parts: EngineParts, _options: ListContainersOptions): Promise<readonly ContainerSummary[]> {
  throw unfinished('listContainers');
}
