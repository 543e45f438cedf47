import { type CopyOptions, SlipwayError, type TransferredImage } from '@slipway/plugin-api';
import type { EngineParts } from '../../settings.js';

export async function copyImage(
  _parts: EngineParts,
  _source: string,
  _destination: string,
  _options: CopyOptions,
): Promise<TransferredImage> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'copyImage' });
}
