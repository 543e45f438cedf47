import { type Pruned, type PruneOptions, SlipwayError } from '@slipway/plugin-api';
import type { EngineParts } from '../settings.js';

export async function prune(_parts: EngineParts, _options: PruneOptions = {}): Promise<Pruned> {
  throw new SlipwayError({ kind: 'unimplemented', code: 'UNIMPLEMENTED', message: 'prune' });
}
