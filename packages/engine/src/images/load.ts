import { type ArchiveSource, type Image, type LoadOptions, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function loadImages(_parts: EngineParts, _input: ArchiveSource, _options: LoadOptions): Promise<readonly Image[]> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'loadImages' });
}
