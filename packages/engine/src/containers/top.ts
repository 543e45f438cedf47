import type { ContainerProcess } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function containerProcesses(_parts: EngineParts, _id: string): Promise<readonly ContainerProcess[]> {
  throw unfinished('containerProcesses');
}
