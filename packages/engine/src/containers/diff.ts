import { type Change, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function diffContainer(
  _parts: EngineParts,
  _id: string,
  _signal: AbortSignal | undefined,
): Promise<readonly Change[]> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'diffContainer' });
}
