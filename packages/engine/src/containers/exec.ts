import type { Exec, ExecOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function execInContainer(_parts: EngineParts, _id: string, _options: ExecOptions): Promise<Exec> {
  throw unfinished('execInContainer');
}
