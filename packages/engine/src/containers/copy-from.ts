import type { Writable } from 'node:stream';
import type { CopyFromOptions, PathStat } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';
import { unfinished } from '../unfinished.js';

export async function copyFromContainer(
  _parts: EngineParts,
  _id: string,
  _path: string,
  _output: Writable,
  _options: CopyFromOptions,
): Promise<PathStat> {
  throw unfinished('copyFromContainer');
}
export async function statInContainer(_parts: EngineParts, _id: string, _path: string): Promise<PathStat | undefined> {
  throw unfinished('statInContainer');
}
