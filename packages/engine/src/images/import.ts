import { type ArchiveSource, type Image, type ImportOptions, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function importImage(
  _parts: EngineParts,
  _input: ArchiveSource,
  _name: string,
  _options: ImportOptions,
): Promise<Image> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'importImage' });
}
