import { type Image, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function tagImage(_parts: EngineParts, _source: string, _name: string): Promise<Image> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'tagImage' });
}
