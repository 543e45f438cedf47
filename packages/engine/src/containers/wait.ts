import type { ExitStatus, WaitForOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function waitForContainer(_parts: EngineParts, _id: string, _options: WaitForOptions): Promise<ExitStatus> {
  throw unfinished('waitForContainer');
}
