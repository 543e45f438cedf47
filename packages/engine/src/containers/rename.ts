import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function renameContainer(_parts: EngineParts, _id: string, _name: string): Promise<void> {
  throw unfinished('renameContainer');
}
