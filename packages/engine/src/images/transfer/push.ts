import { type PushImageOptions, SlipwayError, type TransferredImage } from '@slipway/plugin-api';
import type { EngineParts } from '../../settings.js';

export async function pushImage(_parts: EngineParts, _name: string, _options: PushImageOptions): Promise<TransferredImage> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'pushImage' });
}
