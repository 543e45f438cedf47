import type { RemoveContainerOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function removeContainer(_parts: EngineParts, _id: string, _options: RemoveContainerOptions): Promise<void> {
  throw unfinished('removeContainer');
}
