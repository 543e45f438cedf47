import type { Writable } from 'node:stream';
import { SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function exportContainer(
  _parts: EngineParts,
  _id: string,
  _output: Writable,
  _signal: AbortSignal | undefined,
): Promise<void> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'exportContainer' });
}
