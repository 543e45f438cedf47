import { type Image, type SaveOptions, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function saveImages(
  _parts: EngineParts,
  _names: readonly string[],
  _options: SaveOptions,
): Promise<readonly Image[]> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'saveImages' });
}
