import { type RebuildReport, SlipwayError, type SystemOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function rebuild(_parts: EngineParts, _options: SystemOptions = {}): Promise<RebuildReport> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNIMPLEMENTED', message: 'rebuild' });
}
