import type { StopOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function stopContainer(_parts: EngineParts, _id: string, _options: StopOptions): Promise<void> {
  throw unfinished('stopContainer');
}
