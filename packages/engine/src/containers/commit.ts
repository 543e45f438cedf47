import { type CommitContainerOptions, type Image, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function commitContainer(
  _parts: EngineParts,
  _id: string,
  _name: string,
  _options: CommitContainerOptions,
): Promise<Image> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'commitContainer' });
}
