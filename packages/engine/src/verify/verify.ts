import { SlipwayError, type VerifyOptions, type VerifyReport } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function verify(_parts: EngineParts, _options: VerifyOptions = {}): Promise<VerifyReport> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNIMPLEMENTED', message: 'verify' });
}
