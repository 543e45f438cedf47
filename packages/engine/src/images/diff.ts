import { type Change, SlipwayError, type StackOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function diffImages(
  _parts: EngineParts,
  _lower: string,
  _upper: string | undefined,
  _options: StackOptions & { readonly signal?: AbortSignal | undefined },
): Promise<readonly Change[]> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'diffImages' });
}
