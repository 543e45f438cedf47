import { type HistoryItem, type Platform, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function imageHistory(
  _parts: EngineParts,
  _name: string,
  _platform: Platform | undefined,
): Promise<readonly HistoryItem[]> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNFINISHED', message: 'imageHistory' });
}
