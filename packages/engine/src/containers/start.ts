import type { WaitOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function startContainer(_parts: EngineParts, _id: string, _options: WaitOptions): Promise<void> {
  throw unfinished('startContainer');
}
