import { type LoginResult, type RegistryCredentials, type RegistryOptions, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function login(
  _parts: EngineParts,
  _host: string,
  _credentials: RegistryCredentials,
  _options: RegistryOptions,
): Promise<LoginResult> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'login' });
}
