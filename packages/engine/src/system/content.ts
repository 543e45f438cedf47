import { type ContentDetails, SlipwayError, type SystemOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function listContent(_parts: EngineParts, _options: SystemOptions = {}): Promise<readonly ContentDetails[]> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNIMPLEMENTED', message: 'listContent' });
}
