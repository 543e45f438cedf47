import type { RuntimeStats } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function containerStats(_parts: EngineParts, _id: string): Promise<RuntimeStats> {
  throw unfinished('containerStats');
}
