import { type Descriptor, type ReferrersOfImageOptions, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function listReferrers(
  _parts: EngineParts,
  _name: string,
  _options: ReferrersOfImageOptions,
): Promise<readonly Descriptor[]> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'listReferrers' });
}
