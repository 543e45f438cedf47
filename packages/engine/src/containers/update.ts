import type { ContainerUpdate } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function updateContainer(_parts: EngineParts, _id: string, _changes: ContainerUpdate): Promise<void> {
  throw unfinished('updateContainer');
}
