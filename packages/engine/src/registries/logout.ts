import { type LoginResult, SlipwayError, type StackOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function logout(_parts: EngineParts, _host: string, _options: StackOptions): Promise<LoginResult> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'logout' });
}
