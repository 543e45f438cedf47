import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function pauseContainer(_parts: EngineParts, _id: string): Promise<void> {
  throw unfinished('pauseContainer');
}
export async function unpauseContainer(_parts: EngineParts, _id: string): Promise<void> {
  throw unfinished('unpauseContainer');
}
