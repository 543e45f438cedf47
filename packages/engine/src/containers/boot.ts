import type { RestartedContainer, StopOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function restartAfterBoot(_parts: EngineParts, _options: StopOptions): Promise<readonly RestartedContainer[]> {
  throw unfinished('restartAfterBoot');
}
