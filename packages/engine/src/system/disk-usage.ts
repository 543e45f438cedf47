import { type DiskUsage, SlipwayError, type SystemOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function diskUsage(_parts: EngineParts, _options: SystemOptions = {}): Promise<DiskUsage> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNIMPLEMENTED', message: 'diskUsage' });
}
