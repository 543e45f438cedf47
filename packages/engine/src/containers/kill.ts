import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function killContainer(_parts: EngineParts, _id: string, _signal: string | number): Promise<void> {
  throw unfinished('killContainer');
}
