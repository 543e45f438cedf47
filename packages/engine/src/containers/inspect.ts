import type { ContainerDetails } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function inspectContainer(_parts: EngineParts, _id: string): Promise<ContainerDetails> {
  throw unfinished('inspectContainer');
}
