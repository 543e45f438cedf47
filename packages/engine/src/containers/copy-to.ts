import type { Readable } from 'node:stream';
import type { CopyToOptions } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function copyToContainer(
  _parts: EngineParts,
  _id: string,
  _path: string,
  _input: Readable,
  _options: CopyToOptions,
): Promise<void> {
  throw unfinished('copyToContainer');
}
